// Tab 4, for IT: which nodes run, how far each has come, what they take, what to do next.

const EXPIRY_WARN_DAYS = 60;
const EXPIRY_BAD_DAYS = 14;

function operationsTab() {
  const { nodes, files, figures: measured, backup, keys, doctor } = DATA.operations;
  return [
    measured.length
      ? figures(measured.map((each) => ({ name: said(each.name), value: each.value, note: said(each.note) })))
      : null,
    section(t("nodes.title"), element("p", null, t("nodes.intro")), nodeTable(nodes)),
    section(t("doctor.title"), element("p", null, t("doctor.intro")), doctorTable(doctor)),
    section(t("backup.title"), backupReport(backup)),
    section(t("expiry.title"), element("p", null, t("expiry.intro")), expiryTable(keys)),
    section(t("stored.title"), element("p", null, t("stored.intro")), fileTable(files)),
  ];
}

function nodeTable(nodes) {
  const operator = nodes.find((node) => node.role === "operator");
  const agrees = (node) => operator && node.height === operator.height && node.app_hash === operator.app_hash;
  return table({
    caption: t("nodes.title"),
    rows: nodes,
    empty: t("nodes.none"),
    columns: [
      { name: t("column.member"), cell: (node) => memberName(node.member) },
      { name: t("column.node_role"), cell: (node) => word("node_role", node.role) },
      { name: t("column.height"), numeric: true, cell: (node) => number(node.height) },
      { name: t("column.app_hash"), cell: (node) => copyable(node.app_hash, "hash") },
      {
        name: t("column.lag"),
        cell: (node) =>
          agrees(node)
            ? badge("good", node.role === "operator" ? t("nodes.leads") : t("nodes.same"))
            : node.lag_blocks > 0
              ? badge("warn", t("nodes.behind", { n: number(node.lag_blocks) }))
              : badge("bad", t("nodes.differs")),
      },
      { name: t("column.version"), cell: (node) => proper(node.version) },
      { name: t("column.address"), cell: (node) => proper(node.url, "code") },
    ],
  });
}

const FINDING_KIND = { ok: "good", note: "", warning: "warn", wrong: "bad" };

function doctorTable(findings) {
  return table({
    caption: t("doctor.title"),
    rows: findings,
    empty: t("doctor.none"),
    columns: [
      {
        name: t("column.result"),
        cell: (found) => badge(FINDING_KIND[found.level], wordText("finding", found.level)),
      },
      { name: t("column.detail"), cell: (found) => said(found.text) },
      { name: t("column.check"), cell: (found) => proper(found.check, "code") },
    ],
  });
}

function backupReport(backup) {
  if (!backup) return element("p", { class: "none" }, t("backup.none"));
  return terms(
    [
      [t("backup.folder"), proper(backup.folder, "code")],
      [t("backup.size"), size(backup.size_bytes)],
      [t("backup.height"), number(backup.height)],
      [t("backup.took"), seconds(backup.took_ms)],
      [
        t("backup.checked"),
        backup.checked ? badge("good", t("backup.holds")) : badge("warn", t("backup.unchecked")),
      ],
    ],
    "rows",
  );
}

function expiryTable(keys) {
  return table({
    caption: t("expiry.title"),
    rows: [...keys].sort((one, other) => one.expires_ms - other.expires_ms),
    empty: t("expiry.none"),
    columns: [
      { name: t("column.member"), cell: (key) => memberName(key.member) },
      { name: t("column.key"), cell: (key) => proper(key.key, "code") },
      { name: t("column.key_kind"), cell: (key) => word("key_kind", key.kind) },
      { name: t("column.holder"), cell: (key) => proper(key.holder, "code") },
      { name: t("column.expires"), cell: (key) => localTime(key.expires_ms, 10) },
      { name: t("column.days_left"), numeric: true, cell: (key) => daysLeft(key.days_left) },
    ],
  });
}

function daysLeft(days) {
  if (days < 0) return badge("", t("expiry.over"));
  if (days < EXPIRY_BAD_DAYS) return badge("bad", number(days));
  return days < EXPIRY_WARN_DAYS ? badge("warn", number(days)) : number(days);
}

function fileTable(files) {
  const sum = files.reduce((all, file) => all + file.size_bytes, 0);
  return table({
    caption: t("stored.title"),
    rows: files,
    empty: t("stored.none"),
    foot: [{ member: "", name: "", size_bytes: sum }],
    columns: [
      {
        name: t("column.member"),
        cell: (file) => (file.member ? memberName(file.member) : t("stored.total")),
      },
      { name: t("column.file"), cell: (file) => proper(file.name, "code") },
      { name: t("column.size"), numeric: true, cell: (file) => size(file.size_bytes) },
    ],
  });
}
