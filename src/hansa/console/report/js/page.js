// Building blocks of the page. Text reaches it as text nodes only: nothing in the data is read as markup.

const ROWS_AT_ONCE = 50;

/** An element. Children are nodes, texts, numbers or lists of them; null, undefined and "" are left out. */
function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** What is the same in every language: an id, a file name, a name as registered. */
function proper(text, style) {
  return element("span", { translate: "no", class: style }, text);
}

/** A long id in monospace, with a button that copies it. Style `hash`: its beginning only, on paper all. */
function copyable(text, style) {
  const button = element("button", { type: "button", class: "quiet" }, t("copy"));
  button.addEventListener("click", () => {
    copyText(text).then(
      () => {
        button.textContent = t("copied");
      },
      () => {
        button.textContent = t("copy_failed");
      },
    );
    setTimeout(() => {
      button.textContent = t("copy");
    }, 2000);
  });
  return element("span", { class: "copyable" }, proper(text, `code ${style || ""}`), button);
}

function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = element("textarea", { readonly: true, class: "unseen" });
  field.value = text;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done ? Promise.resolve() : Promise.reject(new Error("copy"));
}

/** A state in a word and a sign, never by colour alone. */
function badge(kind, text) {
  const sign = { good: "✓", bad: "✗", warn: "!" }[kind];
  return element(
    "span",
    { class: `badge ${kind}` },
    sign ? element("span", { "aria-hidden": "true" }, sign) : null,
    text,
  );
}

function section(title, ...children) {
  return element("section", null, element("h2", null, title), children);
}

/** Pairs of a term and what it is; pairs without content are left out. Style `rows`: one below the other. */
function terms(pairs, style) {
  const shown = pairs.filter(([, content]) => content !== null && content !== undefined && content !== "");
  return element(
    "dl",
    { class: `terms ${style || ""}` },
    shown.map(([term, content]) =>
      element("div", null, element("dt", null, term), element("dd", null, content)),
    ),
  );
}

function figures(items) {
  return element(
    "div",
    { class: "figures" },
    items.map(({ name, value, note, kind }) =>
      element(
        "div",
        { class: `figure ${kind || ""}` },
        element("div", { class: "name" }, name),
        element("div", { class: "value" }, value),
        element("div", { class: "note" }, note),
      ),
    ),
  );
}

/**
 * A table: `columns` are {name, cell(row), numeric}; `below(row)` may give a cell that spans the row beneath;
 * `narrow` ones stay tables on a narrow screen.
 * Roles are written out because narrow screens show rows as cards. Long tables begin with their first rows.
 */
function table({ caption, columns, rows, foot, below, empty, narrow }) {
  if (!rows.length) return element("p", { class: "none" }, empty);
  const body = element("tbody", { role: "rowgroup" });
  const add = (row) => {
    const beneath = below ? below(row) : null;
    body.append(tableRow(columns, row));
    if (beneath) body.append(spanningRow(columns, beneath));
  };
  rows.slice(0, ROWS_AT_ONCE).forEach(add);
  const whole = element(
    "table",
    { role: "table", class: narrow ? "narrow" : "" },
    element("caption", { class: "unseen" }, caption),
    tableHead(columns),
    body,
    foot
      ? element(
          "tfoot",
          { role: "rowgroup" },
          foot.map((row) => tableRow(columns, row)),
        )
      : null,
  );
  const box = element(
    "div",
    { class: "scroll", role: "region", tabindex: "0", "aria-label": caption },
    whole,
  );
  if (rows.length > ROWS_AT_ONCE) {
    const more = element("button", { type: "button" }, t("show_all", { n: number(rows.length) }));
    more.addEventListener("click", () => {
      rows.slice(ROWS_AT_ONCE).forEach(add);
      more.remove();
    });
    box.append(more);
  }
  return box;
}

function tableHead(columns) {
  const cell = ({ name, numeric }) =>
    element("th", { role: "columnheader", scope: "col", class: numeric ? "number" : "" }, name);
  return element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, columns.map(cell)));
}

function spanningRow(columns, content) {
  return element(
    "tr",
    { role: "row", class: "beneath" },
    element("td", { role: "cell", colspan: columns.length }, content),
  );
}

function tableRow(columns, row) {
  const cell = (column) => {
    const content = [column.cell(row)]
      .flat(9)
      .filter((part) => part !== null && part !== undefined && part !== "");
    return element(
      "td",
      { role: "cell", class: column.numeric ? "number" : "", "data-name": column.name },
      content.length ? element("div", null, content) : null,
    );
  };
  return element("tr", { role: "row" }, columns.map(cell));
}

/**
 * A part that opens; its inside is built when it is first opened. `key` keeps it open when the page is
 * rebuilt; `isOpen` opens it at once.
 */
function folding(key, summary, build, isOpen) {
  const node = element("details", null, element("summary", null, summary));
  const fill = () => {
    if (node.childElementCount === 1) node.append(...[build()].flat(9).filter(Boolean));
  };
  node.addEventListener("toggle", () => {
    if (node.open) {
      fill();
      view.unfolded.add(key);
    } else view.unfolded.delete(key);
  });
  if (isOpen || view.unfolded.has(key)) {
    fill();
    node.open = true;
  }
  return node;
}

/** Offers a text as a file to save, without any request. */
function saveFile(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = element("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
