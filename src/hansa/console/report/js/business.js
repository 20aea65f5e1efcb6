// Tabs 6 and 7, for sales clerk and bank, and what stands below the accountant's statements: words, bars, tables.

const CELLS = {
  text: said,
  proper: (cell) => proper(cell, cell.length > LONG ? "code" : ""),
  member: memberName,
  money,
  number: (cell) => number(cell),
  time: (cell) => element("span", { class: "moment" }, localTime(cell, 16)),
  date: (cell) => element("span", { class: "moment" }, localTime(cell, 10)),
  hash: (cell) => copyable(cell, "hash"),
  badge: (cell) => badge(cell.tone, said(cell)),
};
const LONG = 30;
const NUMERIC = ["money", "number"];

function sheetSections(sections) {
  return sections.map((each) =>
    section(
      said(each.title),
      each.paragraphs.map((text) => element("p", null, said(text))),
      each.timetable ? timetable(each.timetable) : null,
      each.grids.map((grid) => sheetGrid(grid, each.grids.length > 1)),
    ),
  );
}

function sheetGrid(grid, titled) {
  const content = (kind, cell) => (cell === null || cell === undefined ? "" : CELLS[kind](cell));
  return [
    titled ? element("h3", null, said(grid.title)) : null,
    table({
      caption: said(grid.title),
      rows: grid.rows,
      empty: said(grid.empty),
      columns: grid.columns.map((column, place) => ({
        name: said(column.name),
        numeric: NUMERIC.includes(column.kind),
        cell: (row) => content(column.kind, row[place]),
      })),
    }),
  ];
}

/** Lanes with bars; whoever cannot see them hears each bar with its dates. */
function timetable({ title, from_ms: fromMs, to_ms: toMs, lanes }) {
  const percent = (ms) => (100 * (Math.min(Math.max(ms, fromMs), toMs) - fromMs)) / (toMs - fromMs);
  const dates = (bar) => `${localTime(bar.from_ms, 10)} – ${lastDay(bar.to_ms)}`;
  const bar = (each) =>
    element(
      "li",
      {
        class: `stretch ${each.tone}`,
        style: `left:${percent(each.from_ms)}%;width:${percent(each.to_ms) - percent(each.from_ms)}%`,
        title: `${said(each.text)}, ${dates(each)}`,
      },
      element("span", null, said(each.text), element("span", { class: "unseen" }, ` ${dates(each)}`)),
    );
  return element(
    "figure",
    { class: "timetable", "aria-label": said(title) },
    lanes.map((lane) => [
      element("div", { class: "lane-name" }, said(lane.name)),
      element("ul", { class: "lane" }, lane.bars.map(bar)),
    ]),
    element(
      "figcaption",
      null,
      element("span", null, localTime(fromMs, 10)),
      element("span", null, lastDay(toMs)),
    ),
  );
}
