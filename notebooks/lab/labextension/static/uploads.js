// Uploads of large files that go on where they stopped. What has come lies beside the place where the file is to be,
// under a name that says of which file it is a part, and grows by what Jupyter's contents API appends.

// JupyterLab's own upload of a file that is larger begins anew each time.
export const LARGE = 15 * 1024 * 1024;
export const PIECE = 4 * 1024 * 1024;
// Pauses in milliseconds before a piece is tried again.
const PAUSES = [1000, 2000, 4000];

export class Upload {
  constructor(contents, file, path, said) {
    this.contents = contents;
    this.file = file;
    this.path = path;
    this.part = `${path}.${file.size}-${file.lastModified}.part`;
    this.said = said; // told which share has come, 0 to 1
    this.pauses = PAUSES;
  }

  // Sends what is missing, and gives the file its name; an Error says how far it came.
  async run() {
    let at = await this.come();
    while (at < this.file.size) {
      this.said(at / this.file.size);
      at = await this.more(at);
    }
    if (at > this.file.size) await this.refuse();
    const replaced = await this.size(this.path);
    if (replaced !== null) await this.contents.delete(this.path);
    return this.contents.rename(this.part, this.path);
  }

  // Sends the next piece, and again where that fails; how much there is then.
  async more(at) {
    for (const pause of [...this.pauses, null]) {
      try {
        const piece = this.file.slice(at, at + PIECE);
        const model = { type: "file", format: "base64", chunk: at ? 2 : 1, content: await base64(piece) };
        const { size } = await this.contents.save(this.part, model);
        if (size !== at + piece.size) await this.refuse();
        return size;
      } catch (error) {
        if (error instanceof Unfit) throw error;
        if (pause === null) throw this.brokeOff(at, error);
        await new Promise((resolve) => setTimeout(resolve, pause));
        // Whether the piece has come all the same, in whole or in part, only the server knows.
        at = await this.come().catch(() => at);
        if (at >= this.file.size) return at;
      }
    }
  }

  async come() {
    return (await this.size(this.part)) || 0;
  }

  // A file's size; null where there is none.
  async size(path) {
    try {
      return (await this.contents.get(path, { content: false })).size;
    } catch (error) {
      if (error.response && error.response.status === 404) return null;
      throw error;
    }
  }

  async refuse() {
    await this.contents.delete(this.part);
    throw new Unfit(`The parts of ${this.file.name} do not fit together, perhaps since it was uploaded twice at once. Upload it again, from its beginning.`);
  }

  brokeOff(at, error) {
    const share = Math.floor((100 * at) / this.file.size);
    return new Error(`${this.file.name} broke off when ${share} % of it had come: ${error.message || error}. Upload the same file again: it goes on from there.`);
  }
}

class Unfit extends Error {}

async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const texts = [];
  for (let start = 0; start < bytes.length; start += 32768) texts.push(String.fromCharCode(...bytes.subarray(start, start + 32768)));
  return btoa(texts.join(""));
}

// Has the file browser upload large files so; small ones as ever.
export function resume(lab, browser, contents) {
  const { Notification, showDialog, Dialog } = lab.apputils;
  const model = browser.model;
  const small = model.upload.bind(model);
  model.upload = async (file, folder) => {
    if (file.size <= LARGE) return small(file, folder);
    const path = lab.coreutils.PathExt.join(folder === undefined ? model.path : folder, file.name);
    const upload = new Upload(contents, file, path, (share) => Notification.update({ id, message: words(file, share), progress: share }));
    if ((await upload.size(path)) !== null) {
      const replace = Dialog.warnButton({ label: "Replace" });
      const answer = await showDialog({ title: "Replace the file?", body: `${file.name} is there already.`, buttons: [Dialog.cancelButton(), replace] });
      if (!answer.button.accept) throw new Error(`${file.name} is not uploaded.`);
    }
    const id = Notification.emit(words(file, 0), "in-progress", { autoClose: false, progress: 0 });
    try {
      return await upload.run(); // JupyterLab says that it is uploaded
    } finally {
      Notification.dismiss(id);
      await model.refresh();
    }
  };
}

const words = (file, share) => `Uploading ${file.name}: ${Math.floor(100 * share)} %`;
