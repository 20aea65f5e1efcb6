// Tabs 6 and 7, for sales clerk and bank, and what stands below the accountant's statements: words, bars, tables.

const CELLS = {
  text: said,
  quantity: said,
  period: (cell) => element("span", { class: "moment" }, cell),
  proper: (cell) => proper(cell, cell.length > LONG ? "code" : cell.length < SHORT ? "moment" : ""),
  member: memberName,
  money,
  number: (cell) => number(cell),
  time: (cell) => element("span", { class: "moment" }, localTime(cell, 16)),
  date: (cell) => element("span", { class: "moment" }, localTime(cell, 10)),
  hash: (cell) => copyable(cell, "hash"),
  badge: (cell) => badge(cell.tone, said(cell)),
  file: (cell) => element("a", { href: cell.split("/").map(encodeURIComponent).join("/") }, proper(cell)),
};
const LONG = 30;
const SHORT = 14;
const MARGIN = 0.12;
const TICKS_MAX = 6;
const NUMERIC = ["money", "number", "quantity"];

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
  const rows = [...grid.rows, ...grid.foot];
  const isEmpty = (cell) => cell === null || cell === undefined;
  const content = (kind, cell) => (isEmpty(cell) ? "" : CELLS[kind](cell));
  const shown = grid.columns
    .map((column, place) => ({ ...column, place }))
    .filter(({ place }) => rows.some((row) => !isEmpty(row[place])));
  return [
    titled ? element("h3", null, said(grid.title)) : null,
    table({
      caption: said(grid.title),
      rows: grid.rows,
      empty: said(grid.empty),
      narrow: shown.length <= 2,
      foot: grid.foot.length ? grid.foot : null,
      columns: shown.map(({ name, kind, place }) => ({
        name: kind === "money" ? `${said(name)} (${DATA.agreement.currency})` : said(name),
        numeric: NUMERIC.includes(kind),
        cell: (row) => content(kind, row[place]),
      })),
    }),
  ];
}

/** First days of months well within a stretch; none of a stretch of years. */
function monthStarts(fromMs, toMs) {
  const margin = (toMs - fromMs) * MARGIN;
  const found = [];
  for (let ms = fromMs; ms < toMs - margin; ms += DAY_MS) {
    if (ms > fromMs + margin && localTime(ms, 10).endsWith("-01")) found.push(ms);
  }
  return found.length > TICKS_MAX ? [] : found;
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
      monthStarts(fromMs, toMs).map((ms) =>
        element("span", { class: "tick", style: `left:${percent(ms)}%` }, localTime(ms, 10)),
      ),
      element("span", null, lastDay(toMs)),
    ),
  );
}
