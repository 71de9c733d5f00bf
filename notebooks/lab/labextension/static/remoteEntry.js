// What JupyterLab loads of a prebuilt extension: a container that gives its plugins, and is given Lab's own modules.
// It is written by hand, so that the sources are what runs and nothing has to be built.
"use strict";
{
  // Asked for at once, while JupyterLab still loads itself.
  const loading = import(new URL("plugins.js", document.currentScript.src));
  const names = ["application", "apputils", "coreutils", "docmanager", "filebrowser", "services", "statusbar"];
  let scope;

  // A module as the application has it; what Jupyter Notebook lacks, such as a status bar, is empty.
  const shared = async (name) => {
    const [one] = Object.values(scope[name] || {});
    return one ? (await one.get())() : {};
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.onramp = {
    init(given) {
      scope = given;
    },
    async get() {
      const { plugins } = await loading;
      const found = await Promise.all(names.map((name) => shared(`@jupyterlab/${name}`)));
      const lab = Object.fromEntries(names.map((name, number) => [name, found[number]]));
      lab.widgets = await shared("@lumino/widgets");
      return () => ({ __esModule: true, default: plugins(lab) });
    },
  };
}
