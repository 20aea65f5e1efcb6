// Tab 2: the settlement statements, each line unfolding to what it rests on.

const ALL = "*";
const NODES_AT_ONCE = 50;

function accountantTab() {
  const statements = DATA.statements;
  if (!statements.length) return [element("p", { class: "none" }, t("statement.none"))];
  const chosen = statements.filter((each) => view.statement === ALL || each.id === view.statement);
  return [
    section(t("overview.title"), overviewTable(statements), chooser(statements)),
    chosen.map(statementPaper),
    DATA.business ? sheetSections(DATA.business.books) : null,
  ];
}

function overviewTable(statements) {
  const sum = (name) => statements.reduce((total, each) => total + each[name], 0);
  const currencies = new Set(statements.map((each) => each.currency));
  const total = {
    net_minor: sum("net_minor"),
    tax_minor: sum("tax_minor"),
    gross_minor: sum("gross_minor"),
    currency: statements[0].currency,
  };
  const amount = (name) => ({
    name: t(`column.${name}`),
    numeric: true,
    cell: (row) => money(row[`${name}_minor`]),
  });
  return table({
    caption: t("overview.title"),
    rows: statements,
    empty: "",
    foot: statements.length > 1 && currencies.size === 1 ? [total] : null,
    columns: [
      { name: t("column.period"), cell: (row) => (row.id ? openButton(row) : t("overview.total")) },
      { name: t("column.statement"), cell: (row) => (row.id ? proper(row.id, "code") : "") },
      { name: t("column.lines"), numeric: true, cell: (row) => (row.id ? number(row.lines.length) : "") },
      { name: t("column.currency"), cell: (row) => proper(row.currency) },
      amount("net"),
      amount("tax"),
      amount("gross"),
    ],
  });
}

function openButton(statement) {
  return element(
    "button",
    { type: "button", class: "link", onclick: () => choose(statement.id) },
    periodText(statement),
  );
}

function choose(id) {
  view.statement = id;
  rebuild();
  document.querySelector(".paper h2").scrollIntoView({ block: "start" });
}

function chooser(statements) {
  const option = (value, text) => element("option", { value, selected: value === view.statement }, text);
  const select = element(
    "select",
    { id: "statement", onchange: (event) => choose(event.target.value) },
    statements.map((each) => option(each.id, periodText(each))),
    statements.length > 1 ? option(ALL, t("statement.all")) : null,
  );
  return element(
    "div",
    { class: "toolbar unprinted" },
    statements.length > 1 ? [element("label", { for: "statement" }, t("statement.choose")), select] : null,
    element("button", { type: "button", onclick: () => window.print() }, t("print")),
  );
}

function periodText(statement) {
  const texts = [statement.period_from_ms, statement.period_to_ms].map((ms) => localTime(ms, 16));
  const midnights = texts.every((text) => text.endsWith("00:00"));
  return midnights ? `${texts[0].slice(0, 10)} – ${lastDay(statement.period_to_ms)}` : texts.join(" – ");
}

/** The last local date of a period that ends at a midnight. */
function lastDay(endMs) {
  return localTime(endMs - 1, 10);
}

function statementPaper(statement) {
  const effect = (gap) => gap.status !== "closed" || /[1-9]/.test(gap.quantity);
  const counted = statement.gaps.filter(effect);
  const silent = statement.gaps.length - counted.length;
  return element(
    "article",
    { class: "paper" },
    element(
      "header",
      null,
      element("h2", null, t("statement.title")),
      element("p", { class: "note" }, t("statement.no_invoice")),
    ),
    statementHead(statement),
    lineTable(statement),
    element("div", { class: "sums" }, rateTable(statement)),
    element("h3", null, t("statement.gaps")),
    gapTable(counted, t("statement.gaps"), t("statement.no_gaps")),
    silent ? element("p", { class: "note" }, t("statement.silent_gaps", { n: number(silent) })) : null,
    statement.falls.length ? [element("h3", null, t("falls.title")), fallTable(statement.falls)] : null,
    element(
      "div",
      { class: "toolbar unprinted" },
      element("button", { type: "button", onclick: () => saveLines(statement) }, t("csv.save")),
      element(
        "button",
        { type: "button", onclick: (event) => unfoldAll(event.target.closest("article")) },
        t("statement.unfold"),
      ),
    ),
  );
}

function statementHead(statement) {
  const agreement = DATA.agreement;
  return [
    terms([
      [t("statement.provider"), memberName(agreement.provider)],
      [t("statement.user"), memberName(agreement.user)],
      [
        t("statement.period"),
        t("statement.from_to", {
          from: localTime(statement.period_from_ms, 16),
          to: localTime(statement.period_to_ms, 16),
          zone: zoneName(),
        }),
      ],
      [t("statement.agreement"), proper(agreement.id, "code")],
      [t("statement.device"), proper(DATA.device)],
      [t("statement.closed"), localTime(statement.closed_ms, 16)],
      [t("statement.id"), proper(statement.id, "code")],
      [t("statement.cut_off"), said(agreement.cut_off_text)],
    ]),
    element(
      "details",
      { class: "when-printed" },
      element("summary", null, t("statement.tariff"), " ", proper(agreement.tariff_name)),
      textList(agreement.tariff_lines),
      element("h3", null, t("statement.gap_rules")),
      textList(agreement.gap_rules),
    ),
  ];
}

function textList(texts) {
  return element(
    "ul",
    null,
    texts.map((text) => element("li", null, said(text))),
  );
}

function lineTable(statement) {
  const amount = (name) => ({
    name: `${t(`column.${name}`)} (${statement.currency})`,
    numeric: true,
    cell: (line) => money(line[`${name}_minor`]),
  });
  return table({
    caption: t("statement.lines"),
    rows: statement.lines,
    empty: t("statement.no_lines"),
    columns: [
      { name: t("column.number"), numeric: true, cell: (line) => number(line.number) },
      {
        name: t("column.text"),
        cell: (line) => [
          said(line.text),
          " ",
          line.kind === "correction" ? badge("warn", t("line.correction")) : null,
        ],
      },
      { name: t("column.quantity"), numeric: true, cell: (line) => groupedText(line.quantity) },
      { name: t("column.unit"), cell: (line) => (line.unit ? word("unit", line.unit) : NONE) },
      { name: t("column.price"), numeric: true, cell: (line) => (line.unit ? line.price : NONE) },
      amount("net"),
      { name: t("column.tax_rate"), numeric: true, cell: (line) => rate(line.tax_rate_bp) },
      amount("tax"),
      amount("gross"),
    ],
    below: (line) =>
      folding(`${statement.id}/${line.number}`, t("line.why", { n: line.number }), () =>
        element(
          "div",
          { class: "tree" },
          treeNode(line.explanation, `${statement.id}/${line.number}/0`, true),
        ),
      ),
  });
}

/** One step of an explanation. What it rests on is built when it is opened. */
function treeNode(node, key, isOpen) {
  const label = [
    mark(node.ok),
    element("span", { class: "step" }, said(node.text)),
    node.detail ? element("span", { class: "detail" }, said(node.detail)) : null,
  ];
  if (!node.children.length) return element("div", { class: "leaf" }, label);
  return folding(key, label, () => childList(node, key), isOpen);
}

function childList(node, key) {
  const list = element("div", { class: "children" });
  const add = (from, to) =>
    node.children.slice(from, to).forEach((child, at) => list.append(treeNode(child, `${key}/${from + at}`)));
  add(0, NODES_AT_ONCE);
  if (node.children.length > NODES_AT_ONCE) {
    const more = element("button", { type: "button" }, t("show_all", { n: number(node.children.length) }));
    more.addEventListener("click", () => {
      more.remove();
      add(NODES_AT_ONCE, node.children.length);
    });
    list.append(more);
  }
  return list;
}

function mark(ok) {
  if (ok === null) return null;
  return element(
    "span",
    { class: ok ? "mark good" : "mark bad", role: "img", "aria-label": ok ? t("node.ok") : t("node.failed") },
    ok ? "✓" : "✗",
  );
}

/** Opens every step there is, level by level. */
function unfoldAll(root) {
  for (;;) {
    const closed = [...root.querySelectorAll("details:not([open])")];
    if (!closed.length) return;
    for (const node of closed) {
      node.open = true;
      node.dispatchEvent(new Event("toggle"));
    }
  }
}

function rateTable(statement) {
  const amount = (name) => ({
    name: `${t(`column.${name}`)} (${statement.currency})`,
    numeric: true,
    cell: (row) => money(row[`${name}_minor`]),
  });
  return table({
    caption: t("statement.by_rate"),
    rows: statement.by_rate,
    foot: [statement],
    empty: "",
    columns: [
      {
        name: t("column.tax_rate"),
        cell: (row) => (row === statement ? t("statement.total") : rate(row.tax_rate_bp)),
      },
      amount("net"),
      amount("tax"),
      amount("gross"),
    ],
  });
}

/** The lines as a CSV file that spreadsheets open as it is: UTF-8 with BOM, decimal points. */
function saveLines(statement) {
  const names = [
    "number",
    "clause",
    "text",
    "quantity",
    "unit",
    "price",
    "net",
    "tax_rate",
    "tax",
    "gross",
    "currency",
  ];
  const rows = statement.lines.map((line) => [
    line.number,
    asText(line.clause),
    asText(said(line.text)),
    line.quantity,
    asText(wordText("unit", line.unit)),
    line.unit ? line.price : "",
    moneyPlain(line.net_minor),
    line.tax_rate_bp / 100,
    moneyPlain(line.tax_minor),
    moneyPlain(line.gross_minor),
    asText(statement.currency),
  ]);
  const lines = [names.map((name) => t(`column.${name}`)), ...rows].map((row) => row.map(csvCell).join(","));
  saveFile(`${statement.id.replace(/[^\w.-]+/g, "_")}.csv`, `\ufeff${lines.join("\r\n")}\r\n`);
}

function csvCell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A text that a spreadsheet would run as a formula is kept a text. */
function asText(text) {
  return /^(?:[ \t\r\n'"]*[=+\-@＝＋－＠]|[\t\r])/.test(text) ? `'${text}` : text;
}
