// The frame: head, banner, tabs, language, print.

const BUILD = {
  engineer: engineerTab,
  accountant: accountantTab,
  auditor: auditorTab,
  operations: operationsTab,
  votes: votesTab,
  sales: () => sheetSections(DATA.business.sales),
  bank: () => sheetSections(DATA.business.bank),
};
const LANGUAGES = { zh: "中文", en: "English" };
const LANGUAGE_KEY = "hansa.report.language";

/** The language kept on this computer; a browser may forbid files to keep anything. */
function keptLanguage() {
  try {
    return localStorage.getItem(LANGUAGE_KEY);
  } catch {
    return null;
  }
}

function keepLanguage(language) {
  try {
    localStorage.setItem(LANGUAGE_KEY, language);
  } catch {
    return false;
  }
  return true;
}

/** From the address (#zh/auditor), else as kept, else as the browser is set. */
function readAddress() {
  const [language, tab] = location.hash.slice(1).split("/");
  const wished = [
    language,
    keptLanguage(),
    (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en",
  ];
  view.language = wished.find((each) => Object.hasOwn(LANGUAGES, each || ""));
  view.tab = TABS.includes(tab) ? tab : view.tab;
}

function writeAddress() {
  history.replaceState(null, "", `#${view.language}/${view.tab}`);
}

function rebuild() {
  forgetCharts();
  document.documentElement.lang = view.language === "zh" ? "zh-CN" : "en";
  document.title = said(DATA.title);
  document
    .getElementById("report")
    .replaceChildren(
      element("a", { class: "skip", href: "#", onclick: skipToPanel }, t("skip")),
      pageHead(),
      banner(),
      tabList(),
      element("main", null, TABS.map(tabPanel)),
      pageFoot(),
    );
  showTab(view.tab);
}

function skipToPanel(event) {
  event.preventDefault();
  document.getElementById(`panel-${view.tab}`).focus();
}

function pageHead() {
  const name = view.language === "zh" ? DATA.consortium.name_zh : DATA.consortium.name_en;
  const { kind, text } = verdict();
  return element(
    "header",
    { class: "head" },
    element("div", { class: "brand", translate: "no" }, view.language === "zh" ? "汉萨 Hansa" : "Hansa"),
    element(
      "div",
      { class: "languages", role: "group", "aria-label": t("language") },
      Object.entries(LANGUAGES).map(([language, label]) =>
        element(
          "button",
          {
            type: "button",
            lang: language,
            translate: "no",
            "aria-pressed": String(language === view.language),
            onclick: () => speak(language),
          },
          label,
        ),
      ),
    ),
    element("h1", null, said(DATA.title)),
    element(
      "p",
      { class: "about" },
      proper(name),
      element("span", null, t("about.device"), " ", proper(DATA.device)),
      element("span", null, t("about.times"), " ", proper(zoneName())),
      element("span", null, t("about.made"), " ", localTime(DATA.made_at_ms, 16)),
    ),
    element("p", null, badge(kind, text)),
  );
}

function speak(language) {
  view.language = language;
  keepLanguage(language);
  writeAddress();
  rebuild();
  document.querySelector(`.languages [lang=${language}]`).focus();
}

function banner() {
  return element(
    "aside",
    { class: "banner", "aria-label": t("banner.label") },
    DATA.made_up
      ? element("p", null, element("strong", null, t("banner.made_up_head")), " ", t("banner.made_up"))
      : null,
    DATA.replay
      ? element("p", null, element("strong", null, t("banner.replay_head")), " ", t("banner.replay"))
      : null,
    element("p", null, element("strong", null, t("banner.open_head")), " ", t("banner.open")),
  );
}

function tabList() {
  return element(
    "div",
    { class: "tabs unprinted", role: "tablist", "aria-label": t("tabs"), onkeydown: moveTab },
    TABS.map((tab) =>
      element(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${tab}`,
          "aria-controls": `panel-${tab}`,
          onclick: () => showTab(tab),
        },
        t(`tab.${tab}`),
      ),
    ),
  );
}

function tabPanel(tab) {
  return element(
    "div",
    { class: "panel", role: "tabpanel", id: `panel-${tab}`, "aria-labelledby": `tab-${tab}`, tabindex: "0" },
    element("p", { class: "printed title" }, t(`tab.${tab}`)),
    BUILD[tab](),
  );
}

function showTab(tab) {
  view.tab = tab;
  writeAddress();
  for (const each of TABS) {
    const button = document.getElementById(`tab-${each}`);
    button.setAttribute("aria-selected", String(each === tab));
    button.tabIndex = each === tab ? 0 : -1;
    document.getElementById(`panel-${each}`).hidden = each !== tab;
  }
  if (tab === "engineer") drawCharts(false);
}

function moveTab(event) {
  const at = TABS.indexOf(view.tab);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  showTab(TABS[(next + TABS.length) % TABS.length]);
  document.getElementById(`tab-${view.tab}`).focus();
}

function pageFoot() {
  const members = DATA.consortium.members;
  return element(
    "footer",
    null,
    element("h2", null, t("members.title")),
    element(
      "ul",
      null,
      members.map((member) => element("li", null, memberName(member.id), " – ", word("role", member.role))),
    ),
    element("p", { class: "note" }, t("foot")),
  );
}

/** Paper shows the tariff; afterwards it is as the reader left it. */
function unfoldForPrint(on) {
  for (const node of document.querySelectorAll("details.when-printed")) {
    if (on && !node.open) node.dataset.opened = "";
    else if (on || !("opened" in node.dataset)) continue;
    else delete node.dataset.opened;
    node.open = on;
  }
}

/** On paper: light colours, all tabs one after another, charts as wide as the page. */
function setPrinting(on) {
  document.documentElement.toggleAttribute("data-print", on);
  for (const tab of TABS) document.getElementById(`panel-${tab}`).hidden = !on && tab !== view.tab;
  unfoldForPrint(on);
  drawCharts(on);
}

function begin() {
  readAddress();
  view.statement = DATA.statements.length ? DATA.statements[DATA.statements.length - 1].id : "";
  rebuild();
  window.addEventListener("hashchange", () => {
    readAddress();
    rebuild();
  });
  window.addEventListener("resize", resizeCharts);
  window.addEventListener("beforeprint", () => setPrinting(true));
  window.addEventListener("afterprint", () => setPrinting(false));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(false));
}

begin();
