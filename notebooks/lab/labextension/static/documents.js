// The documents that are open in JupyterLab: which are not saved, saving them, and giving them to the person.

const PATIENCE = 20_000;

export class Documents {
  constructor(shell, manager, contents) {
    this.shell = shell;
    this.manager = manager;
    this.contents = contents;
  }

  // The contexts of what is open and not saved, each once.
  unsaved() {
    const contexts = [...this.shell.widgets("main")].map((widget) => this.manager.contextForWidget(widget));
    return [...new Set(contexts)].filter((context) => context && context.isReady && context.model.dirty);
  }

  // Saves all of them, and asks nobody anything: {saved: [path], failed: [{path, why}]}.
  async save() {
    const saved = [];
    const failed = [];
    for (const context of this.unsaved()) {
      const why = await this.problem(context);
      if (why) failed.push({ path: context.path, why });
      else saved.push(context.path);
    }
    return { saved, failed };
  }

  // Saves one; why it could not be, or "".
  async problem(context) {
    if (context.contentsModel && context.contentsModel.writable === false) return "you may not write to this file.";
    try {
      // JupyterLab would ask which version to keep, and wait for an answer.
      if (await this.changed(context)) return "the file was changed elsewhere. Save it under another name.";
      await within(PATIENCE, context.save());
    } catch (error) {
      return error.message || String(error);
    }
    return context.model.dirty ? "it could not be written." : "";
  }

  async changed(context) {
    const mine = context.contentsModel;
    if (!mine || !mine.hash) return false;
    const there = await within(PATIENCE, this.contents.get(context.path, { content: false, hash: true })).catch((error) => {
      if (error.response && error.response.status === 404) return null;
      throw error;
    });
    return Boolean(there && there.hash && there.hash !== mine.hash);
  }

  // JupyterLab saves every few minutes by itself, and complains in a dialog each time that it fails.
  stopSaving() {
    this.autosave = this.manager.autosave;
    this.manager.autosave = false;
  }

  goOnSaving() {
    this.manager.autosave = this.autosave;
  }
}

// What a browser can keep of a document as it is on the screen.
export function download(context) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([context.model.toString()], { type: "application/octet-stream" }));
  link.download = context.path.split("/").pop();
  link.textContent = `Download ${link.download}`;
  return link;
}

function within(milliseconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the server did not answer in time.")), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
