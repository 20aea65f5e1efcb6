// Tab 1: what the machine said, what was missing, how it was treated.

function engineerTab() {
  const gaps = DATA.feeds.flatMap((feed) => feed.gaps);
  const falls = DATA.feeds.flatMap((feed) => feed.falls);
  return [
    engineerFigures(gaps, falls),
    section(t("oee.title"), oeeCards()),
    section(t("signals.title"), zoomBar(), DATA.feeds.map(feedFigure)),
    section(
      t("gaps.title"),
      element("p", null, t("gaps.intro")),
      gapTable(gaps, t("gaps.title"), t("gaps.none")),
    ),
    section(t("falls.title"), element("p", null, t("falls.intro")), fallTable(falls)),
    section(t("read.title"), readReport()),
    section(t("feeds.title"), element("p", null, t("feeds.intro")), feedTable()),
  ];
}

function engineerFigures(gaps, falls) {
  const read = DATA.read;
  const refused = read ? read.misdated + read.malformed : 0;
  const longest = gaps.reduce((most, gap) => Math.max(most, gap.to_ms - gap.from_ms), 0);
  const pending = falls.filter((fall) => fall.became === "pending").length;
  return figures([
    {
      name: t("figure.readings"),
      value: read ? number(read.readings) : NONE,
      note: read ? t("figure.of_rows", { n: number(read.rows) }) : t("read.none"),
    },
    {
      name: t("figure.refused"),
      value: read ? number(refused) : NONE,
      kind: refused ? "warn" : "",
      note: read
        ? t("figure.refused_note", { misdated: number(read.misdated), malformed: number(read.malformed) })
        : "",
    },
    {
      name: t("figure.gaps"),
      value: number(gaps.length),
      kind: gaps.length ? "warn" : "",
      note: gaps.length ? t("figure.longest", { length: duration(longest) }) : t("figure.no_gap"),
    },
    {
      name: t("figure.falls"),
      value: number(falls.length),
      kind: pending ? "warn" : "",
      note: t("figure.pending", { n: number(pending) }),
    },
  ]);
}

function oeeCards() {
  const names = ["availability", "performance", "quality", "oee"];
  return element(
    "div",
    { class: "figures" },
    names.map((name) => {
      const factor = DATA.oee[name];
      const bar = factor.given
        ? element("div", { class: "bar", "aria-hidden": "true" }, element("div"))
        : null;
      if (bar) bar.firstChild.style.width = `${Math.min(Math.max(Number(factor.value), 0), 1) * 100}%`;
      return element(
        "div",
        { class: factor.given ? "figure" : "figure missing" },
        element("div", { class: "name" }, t(`oee.${name}`)),
        element("div", { class: "value" }, factor.given ? share(factor.value) : t("oee.not_given")),
        bar,
        element("div", { class: "note" }, factor.given ? said(factor.how) : said(factor.needs)),
      );
    }),
  );
}

function zoomBar() {
  const button = (key, factor, shift) =>
    element("button", { type: "button", onclick: () => zoomCharts(factor, shift) }, t(key));
  return element(
    "div",
    { class: "toolbar unprinted" },
    button("zoom.in", 0.5),
    button("zoom.out", 2),
    button("zoom.earlier", 1, -0.5),
    button("zoom.later", 1, 0.5),
    button("zoom.all", 0),
    element("span", { class: "note" }, t("zoom.hint")),
  );
}

function feedFigure(feed) {
  const marks = [
    feed.wired ? null : badge("warn", t("feed.not_wired")),
    feed.integrated ? badge("warn", t("feed.integrated")) : null,
    badge("", word("grade", feed.legal_use.grade)),
  ];
  return element(
    "figure",
    null,
    element(
      "figcaption",
      null,
      element("h3", null, proper(feed.name)),
      element(
        "span",
        { class: "note" },
        t(`kind.${feed.kind}`),
        feed.kind === "state" ? "" : ` · ${said(feed.unit_text)}`,
      ),
      marks,
    ),
    feed.series.length || feed.bands.length
      ? chartFigure(feed)
      : element("p", { class: "none" }, t("feed.empty")),
    feed.kind === "state" ? stateTable(feed) : legend(feed),
  );
}

/** What the signs of a curve mean; only those that it has. */
function legend(feed) {
  const entries = [
    [feed.gaps.length, "gap"],
    [feed.false_readings.length, "false"],
    [feed.falls.some((fall) => fall.became === "pending"), "pending"],
    [feed.lives.length, "life"],
  ];
  const shown = entries.filter(([some]) => some);
  if (!shown.length) return null;
  return element(
    "ul",
    { class: "legend" },
    shown.map(([, name]) =>
      element("li", null, element("i", { class: `key ${name}`, "aria-hidden": "true" }), t(`legend.${name}`)),
    ),
  );
}

function stateTable(feed) {
  const total = feed.state_ms.reduce((sum, ms) => sum + ms, 0);
  const rows = feed.states.map((state, index) => ({ state, index, ms: feed.state_ms[index] }));
  const swatch = (row) => {
    const key = element("i", {
      class: row.state === "unknown" ? "key unknown" : "key",
      "aria-hidden": "true",
    });
    if (row.state !== "unknown") key.style.background = stateColour(feed, row.index);
    return key;
  };
  return table({
    narrow: true,
    caption: t("states.title", { feed: feed.name }),
    rows,
    empty: t("feed.empty"),
    columns: [
      { name: t("column.state"), cell: (row) => [swatch(row), word("state", row.state)] },
      { name: t("column.hours"), numeric: true, cell: (row) => hours(row.ms) },
      { name: t("column.share"), numeric: true, cell: (row) => (total ? share(row.ms / total) : NONE) },
    ],
  });
}

function gapTable(gaps, caption, empty) {
  return table({
    caption,
    rows: gaps,
    empty,
    columns: [
      { name: t("column.feed"), cell: (gap) => proper(gap.feed) },
      { name: t("column.from"), cell: (gap) => localTime(gap.from_ms) },
      { name: t("column.to"), cell: (gap) => localTime(gap.to_ms) },
      { name: t("column.length"), numeric: true, cell: (gap) => duration(gap.to_ms - gap.from_ms) },
      { name: t("column.rule"), cell: (gap) => (gap.rule ? word("rule", gap.rule) : NONE) },
      { name: t("column.counted"), numeric: true, cell: (gap) => quantity(gap.quantity, gap.unit) },
      {
        name: t("column.status"),
        cell: (gap) => badge(gap.status === "closed" ? "" : "warn", t(`status.${gap.status}`)),
      },
    ],
  });
}

function fallTable(falls) {
  return table({
    caption: t("falls.title"),
    rows: falls,
    empty: t("falls.none"),
    columns: [
      { name: t("column.feed"), cell: (fall) => proper(fall.feed) },
      { name: t("column.from"), cell: (fall) => localTime(fall.at_ms) },
      { name: t("column.to"), cell: (fall) => localTime(fall.to_ms) },
      { name: t("column.readings"), numeric: true, cell: (fall) => number(fall.readings) },
      { name: t("column.value"), numeric: true, cell: (fall) => groupedText(fall.value) },
      { name: t("column.last_good"), numeric: true, cell: (fall) => groupedText(fall.last_good) },
      {
        name: t("column.became"),
        cell: (fall) => badge(fall.became === "pending" ? "warn" : "", t(`became.${fall.became}`)),
      },
    ],
  });
}

function readReport() {
  const read = DATA.read;
  if (!read) return element("p", { class: "none" }, t("read.none"));
  const skipped = Object.entries(read.skipped).filter(([, count]) => count);
  const counts = ["rows", "readings", "duplicates", "out_of_order", "late", "misdated", "malformed"];
  return [
    terms([
      ...counts.map((name) => [t(`read.${name}`), number(read[name])]),
      ...skipped.map(([reason, count]) => [[t("read.skipped"), " ", word("skipped", reason)], number(count)]),
    ]),
    element("h3", null, t("refused.title")),
    table({
      caption: t("refused.title"),
      rows: read.refused,
      empty: t("refused.none"),
      columns: [
        { name: t("column.file"), cell: (row) => proper(row.file, "code") },
        { name: t("column.line"), numeric: true, cell: (row) => (row.line ? number(row.line) : NONE) },
        { name: t("column.column"), numeric: true, cell: (row) => (row.column ? number(row.column) : NONE) },
        { name: t("column.reason"), cell: (row) => row[view.language] },
        { name: t("column.code"), cell: (row) => proper(row.code, "code") },
      ],
    }),
  ];
}

function feedTable() {
  return table({
    caption: t("feeds.title"),
    rows: DATA.feeds,
    empty: t("feeds.none"),
    columns: [
      { name: t("column.feed"), cell: (feed) => proper(feed.name) },
      { name: t("column.kind"), cell: (feed) => t(`kind.${feed.kind}`) },
      { name: t("column.unit"), cell: (feed) => [said(feed.unit_text), scaleNote(feed)] },
      { name: t("column.signed_by"), cell: signer },
      { name: t("column.files"), cell: fileList },
      { name: t("column.legal_use"), cell: legalUse },
    ],
  });
}

function scaleNote(feed) {
  return feed.scale_text ? element("div", { class: "note", translate: "no" }, feed.scale_text) : null;
}

function signer(feed) {
  const who = feed.source.signed_by_device ? t("signed.device") : t("signed.gateway");
  return [who, element("div", { class: "note" }, t("signed.key"), " ", proper(feed.source.key, "code"))];
}

function fileList(feed) {
  const sources = feed.source.files;
  if (!sources.length) return NONE;
  const list = () =>
    element(
      "ul",
      { class: "files" },
      sources.map((file) =>
        element(
          "li",
          { translate: "no" },
          file.name,
          element("div", { class: "code note" }, `SHA-256 ${file.sha256}`),
        ),
      ),
    );
  return folding(`files/${feed.name}`, t("files.count", { n: number(sources.length) }), list);
}

function legalUse(feed) {
  const use = feed.legal_use;
  const facts = [
    use.certificate ? [t("legal.certificate"), " ", proper(use.certificate)] : null,
    use.valid_until_ms ? t("legal.valid_until", { date: lastDay(use.valid_until_ms) }) : null,
    use.accuracy_class ? [t("legal.class"), " ", proper(use.accuracy_class)] : null,
    use.seal ? [t("legal.seal"), " ", proper(use.seal)] : null,
  ];
  return [
    word("grade", use.grade),
    facts.filter(Boolean).map((fact) => element("div", { class: "note" }, fact)),
  ];
}
