"""The pictures in docs/: each is taken by a test, at the moment of which a page speaks, and shows what was there."""

from io import BytesIO

from PIL import Image
from playwright.sync_api import Locator, Page

from hub_config.cli.docs import TAKEN

# A page of flat colours needs no more than this, and a third of the bytes.
COLOURS = 128
# Pixels: of a page that goes on for longer, the beginning says it.
HIGHEST = 1300


def picture(page: Page, name: str, *, width: int = 1000, height: int = 400, of: Locator | None = None) -> None:
    """Take the whole page (its first HIGHEST pixels), this wide and at least this high, scrolled to `of`.

    `./onramp docs --screenshots` makes it docs/screenshots/NAME.png.
    """
    before = page.viewport_size
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": width, "height": height})
    if of is not None:
        of.evaluate("element => element.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)  # JupyterLab lays itself out anew, and says nowhere when it has
    taken = Image.open(BytesIO(page.screenshot(full_page=True, animations="disabled"))).convert("RGB")
    taken = taken.crop((0, 0, taken.width, min(taken.height, HIGHEST)))
    TAKEN.mkdir(parents=True, exist_ok=True)
    taken.quantize(COLOURS, dither=Image.Dither.NONE).save(TAKEN / f"{name}.png", optimize=True)
    if before:
        page.set_viewport_size(before)
