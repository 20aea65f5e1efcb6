// Tab 3: what was checked, what was computed again, who catches a cheat, what nobody has proved.

/** good: all that was checked holds; bad: something does not; warn: nothing was checked. */
function verdict() {
  const { checks, recomputed, cheats } = DATA.audit;
  const failed =
    checks.filter((check) => !check.ok).length +
    recomputed.filter((each) => !equal(each)).length +
    cheats.filter((cheat) => !cheat.caught_by).length;
  const count = checks.length + recomputed.length + cheats.length;
  if (failed) return { kind: "bad", text: t("verdict.failed", { n: number(failed), count: number(count) }) };
  if (!checks.length) return { kind: "warn", text: t("verdict.unchecked") };
  return { kind: "good", text: t("verdict.holds", { count: number(count) }) };
}

function equal(each) {
  return each.stated_gross_minor === each.recomputed_gross_minor;
}

function auditorTab() {
  const { audit } = DATA;
  const { kind, text } = verdict();
  return [
    element("p", { class: `verdict ${kind}` }, badge(kind, text)),
    audit.finality ? element("p", { class: "finality" }, said(audit.finality)) : null,
    element(
      "section",
      { class: "caution" },
      element("h2", null, t("not_proved.title")),
      textList(audit.not_proved),
    ),
    section(t("checks.title"), checkTable(audit.checks)),
    section(
      t("recomputed.title"),
      element("p", null, t("recomputed.intro")),
      recomputedTable(audit.recomputed),
    ),
    section(t("tamper.title"), tamperReport(audit.tamper)),
    audit.cheats.length
      ? section(t("cheats.title"), element("p", null, t("cheats.intro")), cheatTable(audit.cheats))
      : null,
    section(t("ids.title"), identifiers(audit)),
    section(
      t("commands.title"),
      element("p", null, t("commands.intro")),
      element(
        "ol",
        { class: "commands" },
        audit.commands.map((command) => element("li", null, copyable(command))),
      ),
    ),
  ];
}

function checkTable(checks) {
  return table({
    caption: t("checks.title"),
    rows: checks,
    empty: t("verdict.unchecked"),
    columns: [
      {
        name: t("column.result"),
        cell: (check) => (check.ok ? badge("good", t("check.ok")) : badge("bad", t("check.failed"))),
      },
      { name: t("column.check"), cell: (check) => said(check.text) },
      { name: t("column.detail"), cell: (check) => said(check.detail) },
    ],
  });
}

function recomputedTable(rows) {
  const { currency } = DATA.agreement;
  return table({
    caption: t("recomputed.title"),
    rows,
    empty: t("recomputed.none"),
    columns: [
      { name: t("column.statement"), cell: (row) => proper(row.statement, "code") },
      {
        name: `${t("column.stated")} (${currency})`,
        numeric: true,
        cell: (row) => money(row.stated_gross_minor),
      },
      {
        name: `${t("column.recomputed")} (${currency})`,
        numeric: true,
        cell: (row) => money(row.recomputed_gross_minor),
      },
      {
        name: t("column.result"),
        cell: (row) =>
          equal(row) ? badge("good", t("recomputed.equal")) : badge("bad", t("recomputed.differs")),
      },
    ],
  });
}

function tamperReport(tamper) {
  if (!tamper) return element("p", { class: "none" }, t("tamper.none"));
  return terms(
    [
      [t("tamper.changed"), said(tamper.text)],
      [t("tamper.found"), said(tamper.found)],
      [t("tamper.at"), said(tamper.at)],
    ],
    "rows",
  );
}

function cheatTable(cheats) {
  return table({
    caption: t("cheats.title"),
    rows: cheats,
    empty: "",
    columns: [
      {
        name: t("column.cheat"),
        cell: (cheat) => [
          element("strong", null, word("cheat", cheat.kind)),
          element("div", null, said(cheat.done)),
        ],
      },
      {
        name: t("column.caught_by"),
        cell: (cheat) =>
          cheat.caught_by
            ? [badge("good", t("cheats.caught")), element("div", null, memberName(cheat.caught_by))]
            : badge("bad", t("cheats.unseen")),
      },
      {
        name: t("column.says"),
        cell: (cheat) => [said(cheat.found), element("div", { class: "note" }, proper(cheat.code, "code"))],
      },
      {
        name: t("column.after"),
        numeric: true,
        cell: (cheat) => (cheat.caught_by ? seconds(cheat.after_ms) : ""),
      },
    ],
  });
}

function identifiers(audit) {
  return terms(
    [
      [t("ids.chain"), copyable(audit.chain)],
      [t("ids.height"), number(audit.height)],
      [t("ids.app_hash"), copyable(audit.app_hash)],
      [t("ids.header_time"), localTime(audit.header_time_ms)],
      [t("ids.operator_key"), copyable(audit.operator_key)],
      [t("ids.header_signature"), audit.header_signature ? copyable(audit.header_signature) : ""],
      [t("ids.genesis_sha256"), audit.genesis_sha256 ? copyable(audit.genesis_sha256) : ""],
      [t("ids.evidence_file"), DATA.evidence_file ? proper(DATA.evidence_file, "code") : ""],
      [t("ids.genesis_file"), DATA.genesis_file ? proper(DATA.genesis_file, "code") : ""],
    ],
    "rows",
  );
}
