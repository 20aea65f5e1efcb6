// Tab 5, for the auditor of the votes: who belongs, what was decided by whom, who may sign what since when.

function votesTab() {
  const { members, proposals, approvals, key_changes: changes } = DATA.governance;
  return [
    element("p", { class: "lead" }, t("votes.intro")),
    section(t("charter.title"), charterReport()),
    section(t("registered.title"), element("p", null, t("registered.intro")), memberTable(members)),
    section(
      t("proposals.title"),
      element("p", null, t("proposals.intro")),
      proposals.length
        ? proposals.map(proposalReport)
        : element("p", { class: "none" }, t("proposals.none")),
    ),
    section(
      t("approvals.title"),
      element("p", null, t("approvals.intro")),
      approvals.length
        ? approvals.map(approvalReport)
        : element("p", { class: "none" }, t("approvals.none")),
    ),
    section(t("changes.title"), element("p", null, t("changes.intro")), changeTable(changes)),
    section(t("cosigners.title"), element("p", null, cosignerText()), cosignerTable()),
  ];
}

/** Where something stands on the ledger: height and hash of the transaction. */
function place(where) {
  if (!where.transaction) return t("place.genesis");
  return element(
    "span",
    { class: "place" },
    t("place.height", { n: number(where.height) }),
    " ",
    copyable(where.transaction, "hash"),
  );
}

function charterReport() {
  const { charter, charter_sha256: hash, rules } = DATA.governance;
  return [
    element("blockquote", null, said(charter)),
    terms(
      [
        [t("charter.hash"), copyable(hash)],
        [t("charter.rules"), number(rules)],
      ],
      "rows",
    ),
  ];
}

function memberTable(members) {
  return table({
    caption: t("registered.title"),
    rows: members,
    empty: t("registered.none"),
    columns: [
      {
        name: t("column.member"),
        cell: (member) => [memberName(member.id), element("div", { class: "note" }, proper(member.id, "code"))],
      },
      {
        name: t("column.registration"),
        cell: (member) => [
          element("div", { class: "note" }, word("registration", member.registration_kind)),
          proper(member.registration, "code"),
        ],
      },
      {
        name: t("column.roles"),
        cell: (member) => member.roles.flatMap((role, at) => [at ? ", " : "", word("role", role)]),
      },
      { name: t("column.size_class"), cell: (member) => word("size_class", member.size_class) },
      {
        name: t("column.status"),
        cell: (member) =>
          badge(member.status === "active" ? "good" : "warn", wordText("member_status", member.status)),
      },
      { name: t("column.licences"), cell: (member) => member.licences.map(licence) },
      { name: t("column.since"), cell: (member) => localTime(member.since_ms, 10) },
      { name: t("column.place"), cell: (member) => place(member.place) },
    ],
  });
}

function licence(each) {
  const until = each.expires_ms
    ? t("licence.until", { date: localTime(each.expires_ms, 10) })
    : t("licence.unlimited");
  return element("div", null, word("licence", each.kind), element("span", { class: "note" }, " ", until));
}

const PROPOSAL_KIND = { adopted: "good", rejected: "bad", failed: "bad" };

function proposalReport(proposal) {
  const yes = proposal.ballots.filter((ballot) => ballot.choice === "yes").length;
  const no = proposal.ballots.length - yes;
  const status = wordText("proposal_status", proposal.status);
  return element(
    "article",
    { class: "case" },
    element(
      "h3",
      null,
      said(proposal.text),
      " ",
      badge(PROPOSAL_KIND[proposal.status] || "warn", status),
    ),
    terms([
      [t("proposal.kind"), word("proposal_kind", proposal.kind)],
      [t("proposal.by"), memberName(proposal.proposer)],
      [t("proposal.at"), localTime(proposal.at_ms)],
      [t("proposal.deadline"), localTime(proposal.deadline_ms)],
      [t("proposal.decided"), proposal.decided_ms ? localTime(proposal.decided_ms) : t("proposal.not_yet")],
      [
        t("proposal.result"),
        t("proposal.counted", { yes: number(yes), no: number(no), all: number(proposal.electorate) }),
      ],
      [t("proposal.threshold"), t("proposal.at_least", { share: rate(proposal.threshold_bp) })],
      [t("column.place"), place(proposal.place)],
    ]),
    table({
      caption: t("ballots.title"),
      rows: proposal.ballots,
      empty: t("ballots.none"),
      columns: [
        { name: t("column.member"), cell: (ballot) => memberName(ballot.member) },
        {
          name: t("column.vote"),
          cell: (ballot) => badge(ballot.choice === "yes" ? "good" : "bad", wordText("vote", ballot.choice)),
        },
        { name: t("column.at"), cell: (ballot) => localTime(ballot.at_ms) },
        { name: t("column.place"), cell: (ballot) => place(ballot.place) },
      ],
    }),
  );
}

function approvalReport(approval) {
  const done = approval.status === "carried_out";
  return element(
    "article",
    { class: "case" },
    element(
      "h3",
      null,
      memberName(approval.member),
      ": ",
      proper(approval.actions.join(", "), "code"),
      " ",
      badge(done ? "good" : "warn", wordText("approval_status", approval.status)),
    ),
    element("p", null, t("approval.needed", { n: number(approval.holders_needed) })),
    table({
      caption: t("approvals.title"),
      rows: approval.signatories,
      empty: t("approvals.none"),
      columns: [
        { name: t("column.part"), cell: (each) => word("part", each.part) },
        { name: t("column.holder"), cell: (each) => proper(each.holder, "code") },
        { name: t("column.key"), cell: (each) => proper(each.key, "code") },
        { name: t("column.at"), cell: (each) => localTime(each.at_ms) },
        { name: t("column.place"), cell: (each) => place(each.place) },
      ],
    }),
  );
}

function changeTable(changes) {
  return table({
    caption: t("changes.title"),
    rows: changes,
    empty: t("changes.none"),
    columns: [
      { name: t("column.at"), cell: (change) => localTime(change.at_ms) },
      { name: t("column.member"), cell: (change) => memberName(change.member) },
      { name: t("column.change"), cell: (change) => word("key_change", change.change) },
      { name: t("column.key"), cell: (change) => proper(change.key, "code") },
      { name: t("column.detail"), cell: (change) => said(change.text) },
      { name: t("column.place"), cell: (change) => place(change.place) },
    ],
  });
}

function cosignerText() {
  const { quorum, cosigners, cosigners_since: since, final_height: final } = DATA.governance;
  const values = { q: number(quorum), n: number(cosigners.length), since: number(since), final: number(final) };
  return final ? t("cosigners.intro", values) : t("cosigners.no_quorum", values);
}

function cosignerTable() {
  return table({
    caption: t("cosigners.title"),
    rows: DATA.governance.cosigners,
    empty: t("cosigners.none"),
    columns: [
      { name: t("column.member"), cell: (cosigner) => memberName(cosigner.member) },
      { name: t("column.public"), cell: (cosigner) => copyable(cosigner.public) },
    ],
  });
}
