"""The report in a browser, opened from disk: what readers see, in both languages, on screen and on paper."""

import csv
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from hansa.console.report import ReportData, render
from hansa.console.report import data as d
from tests.console.sample import DAY_MS, sample, text

TABS = ("engineer", "accountant", "auditor", "sales", "bank", "operations", "votes")
SAMPLE = sample()
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
ENGLISH = re.compile(r"\b[A-Za-z]{3,} [A-Za-z]{2,}\b")
WAIT_S = 10

TRANSLATED_TEXT = """
const walker = document.createTreeWalker(document.getElementById("report"), NodeFilter.SHOW_TEXT);
const found = [];
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement;
  if (!parent.closest("[translate=no], style, script")) found.push(walker.currentNode.data.trim());
}
for (const node of document.querySelectorAll("[aria-label]")) {
  if (!node.closest("[translate=no]")) found.push(node.getAttribute("aria-label"));
}
return found.filter(Boolean);
"""
TABLES_CUT_OFF = """
return [...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).length;
"""
WIDER_THAN_SCREEN = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs Chromium")
    options = Options()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1440,1000"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.fixture
def show(browser: webdriver.Chrome, tmp_path: Path) -> Callable[..., webdriver.Chrome]:
    """Opens a report from disk at a language and a tab; a fresh page each time."""

    def show(data: ReportData = SAMPLE, at: str = "en/engineer") -> webdriver.Chrome:
        file = tmp_path / "report.html"
        file.write_text(render(data), encoding="utf-8")
        browser.get("about:blank")
        browser.get_log("browser")
        browser.get_log("performance")
        browser.get(f"{file.as_uri()}#{at}")
        return browser

    return show


def all_of(browser: webdriver.Chrome, selector: str) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one(browser: webdriver.Chrome, selector: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, selector)


def panel(browser: webdriver.Chrome, tab: str) -> WebElement:
    return one(browser, f"#panel-{tab}")


def unfold_everything(browser: webdriver.Chrome) -> None:
    """Opens every part there is, also those that open inside others; shows whole tables."""
    browser.execute_script("""
      for (;;) {
        const closed = [...document.querySelectorAll("details:not([open])")];
        const more = [...document.querySelectorAll(".scroll > button, .children > button")];
        if (!closed.length && !more.length) break;
        for (const node of closed) { node.open = true; node.dispatchEvent(new Event("toggle")); }
        for (const button of more) button.click();
      }""")


def translated(browser: webdriver.Chrome) -> list[str]:
    return list(browser.execute_script(TRANSLATED_TEXT))


def test_it_opens_from_disk_without_a_request_or_a_complaint(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show()
    for language in ("zh", "en"):
        one(browser, f".languages [lang={language}]").click()
        for tab in TABS:
            one(browser, f"#tab-{tab}").click()
            unfold_everything(browser)
    assert browser.get_log("browser") == []
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "about:"))] == []
    assert any(url.endswith("report.html") for url in asked)


def test_the_policy_stops_code_and_requests_that_are_not_the_reports_own(
    show: Callable[..., webdriver.Chrome],
) -> None:
    browser = show()
    browser.execute_script("""
      const script = document.createElement("script");
      script.textContent = "window.intruded = true";
      document.body.append(script);
      const image = document.createElement("img");
      image.src = "https://example.invalid/x.png";
      document.body.append(image);""")
    complaints: list[str] = []
    until = time.monotonic() + WAIT_S
    while len(complaints) < 2 and time.monotonic() < until:
        complaints += [entry["message"] for entry in browser.get_log("browser")]
    assert not browser.execute_script("return window.intruded")
    assert len(complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in complaints)


@pytest.mark.parametrize("tab", TABS)
def test_every_text_is_in_the_language_chosen(show: Callable[..., webdriver.Chrome], tab: str) -> None:
    browser = show(at=f"en/{tab}")
    unfold_everything(browser)
    english = translated(browser)
    assert [each for each in english if CHINESE.search(each)] == []
    one(browser, ".languages [lang=zh]").click()
    unfold_everything(browser)
    chinese = translated(browser)
    assert [each for each in chinese if ENGLISH.search(each)] == []
    assert len(chinese) > 50
    shown = panel(browser, tab).text
    assert CHINESE.search(shown)


def test_the_language_is_kept_in_the_address_and_on_the_computer(
    show: Callable[..., webdriver.Chrome],
) -> None:
    browser = show(at="en/auditor")
    one(browser, ".languages [lang=zh]").click()
    assert browser.current_url.endswith("#zh/auditor")
    assert browser.title == SAMPLE.title.zh
    assert one(browser, "html").get_attribute("lang") == "zh-CN"
    show(at="")
    assert browser.title == SAMPLE.title.zh
    show(at="en/auditor")
    assert browser.title == SAMPLE.title.en


@pytest.mark.parametrize(("preferred", "title"), [("zh-CN", SAMPLE.title.zh), ("de", SAMPLE.title.en)])
def test_without_a_choice_the_browsers_language_decides(
    show: Callable[..., webdriver.Chrome], preferred: str, title: str
) -> None:
    browser = show()
    browser.execute_script("localStorage.clear()")
    agent = browser.execute_script("return navigator.userAgent")
    order = {"userAgent": agent, "acceptLanguage": preferred}
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", order)
    try:
        assert show(at="").title == title
    finally:
        browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent})


def test_tabs_are_moved_by_keys(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show()
    one(browser, "#tab-engineer").send_keys(Keys.ARROW_RIGHT)
    assert browser.switch_to.active_element.get_attribute("id") == "tab-accountant"
    assert one(browser, "#tab-accountant").get_attribute("aria-selected") == "true"
    assert [panel(browser, tab).is_displayed() for tab in TABS] == [tab == "accountant" for tab in TABS]
    browser.switch_to.active_element.send_keys(Keys.END)
    assert panel(browser, "votes").is_displayed()
    assert one(browser, "#panel-votes").get_attribute("aria-labelledby") == "tab-votes"


def test_charts_are_drawn_and_tell_about_a_gap(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show()
    assert len(all_of(browser, ".chart svg")) == len(SAMPLE.feeds)
    chart = all_of(browser, ".chart")[0]
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    gap = SAMPLE.feeds[0].gaps[0]
    first = SAMPLE.feeds[0].series[0][0]
    share = ((gap.from_ms + gap.to_ms) / 2 - first) / (28 * DAY_MS)
    width = chart.size["width"]
    across = int(-width / 2 + 64 + share * (width - 80))
    ActionChains(browser).move_to_element_with_offset(chart, across, 0).perform()
    tip = one(browser, ".tip").text
    assert "2025-02-13 00:00 – 2025-02-15 05:00" in tip
    assert "counter difference" in tip
    assert "2,417" in tip
    one(browser, ".languages [lang=zh]").click()
    assert len(all_of(browser, ".chart svg")) == len(SAMPLE.feeds)
    assert any("复位" in label.text for label in all_of(browser, ".chart svg text"))


def test_zoom_moves_all_charts_together(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show()
    before = [chart.text for chart in all_of(browser, ".chart")]
    all_of(browser, "#panel-engineer .toolbar button")[0].click()
    closer = [chart.text for chart in all_of(browser, ".chart")]
    assert all(now != then for now, then in zip(closer, before, strict=True))
    all_of(browser, "#panel-engineer .toolbar button")[4].click()
    assert [chart.text for chart in all_of(browser, ".chart")] == before


def test_an_oee_factor_without_input_is_not_given_and_so_is_oee(
    show: Callable[..., webdriver.Chrome],
) -> None:
    browser = show()
    shown = {card.text.split("\n")[0]: card.text for card in all_of(browser, "#panel-engineer .figure")}
    assert "67.1 %" in shown["Availability"]
    for name in ("Performance", "Quality", "OEE"):
        assert "Not given" in shown[name]
        assert "%" not in shown[name]
    assert "needs a scrap counter that is wired" in shown["Quality"]


def test_a_line_unfolds_down_to_the_reading_and_stays_open_in_the_other_language(
    show: Callable[..., webdriver.Chrome],
) -> None:
    browser = show(at="en/accountant")
    assert not all_of(browser, ".tree")
    all_of(browser, ".beneath summary")[1].click()
    for step in ("Tariff clause", "Bucket of 2025-02-01", "Counter record 1:", "Signed by", "The path of"):
        unfolding(browser, step).click()
    tree_shows(browser, "Reading in line 9 of the file")
    assert "Counter record 51" not in one(browser, ".tree").text
    one(browser, ".children > button").click()
    tree_shows(browser, "Counter record 60")
    one(browser, ".languages [lang=zh]").click()
    tree_shows(browser, "文件第 9 行的读数")


def unfolding(browser: webdriver.Chrome, step: str) -> WebElement:
    """The step to unfold, once the page has made it: branches are made when their parent opens."""

    def found(_: webdriver.Chrome) -> WebElement | None:
        return next((each for each in all_of(browser, ".tree summary") if step in each.text), None)

    element: WebElement = WebDriverWait(browser, 20).until(found)
    return element


def tree_shows(browser: webdriver.Chrome, words: str) -> None:
    WebDriverWait(browser, 20).until(lambda _: words in one(browser, ".tree").text)


def test_the_statement_shows_money_to_the_cent_and_each_period(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show(at="en/accountant")
    paper = one(browser, ".paper").text
    for amount in ("81,609.50", "10,609.24", "92,218.74", "\N{MINUS SIGN}49.00", "\N{MINUS SIGN}55.37"):
        assert amount in paper
    assert "Correction" in paper
    assert "Suzhou Hengzhun Packaging Machinery Co., Ltd." in paper
    assert "2025-02-01 00:00 up to 2025-03-01 00:00 (exclusive), Asia/Shanghai (UTC+08:00)" in paper
    overview = one(browser, "#panel-accountant section").text
    assert "170,827.19" in overview
    all_of(browser, "button.link")[0].click()
    assert "packer3-2025.2025-01" in one(browser, ".paper").text
    assert "81,609.50" not in one(browser, ".paper").text
    one(browser, "#statement option:last-child").click()
    assert len(all_of(browser, ".paper")) == 2


@pytest.mark.parametrize(("digits", "shown"), [(0, "9,351,937"), (2, "93,519.37"), (3, "9,351.937")])
def test_money_has_the_decimals_of_its_currency(
    show: Callable[..., webdriver.Chrome], digits: int, shown: str
) -> None:
    browser = show(replace(SAMPLE, agreement=replace(SAMPLE.agreement, minor_digits=digits)), "en/accountant")
    assert shown in all_of(browser, ".sums td")[-1].text


def test_only_gaps_that_touch_the_amount_are_listed_with_the_statement(
    show: Callable[..., webdriver.Chrome],
) -> None:
    statement = SAMPLE.statements[1]
    silent = replace(statement.gaps[0], quantity="0.000", feed="packer3.silent")
    browser = show(
        replace(SAMPLE, statements=(replace(statement, gaps=(silent, *statement.gaps)),)), "en/accountant"
    )
    paper = one(browser, ".paper").text
    assert "2,417 pcs" in paper
    assert "disputed" in paper
    assert "packer3.silent" not in paper
    assert "1 more gaps counted 0" in paper


def test_lines_are_saved_as_csv_that_a_spreadsheet_reads(
    show: Callable[..., webdriver.Chrome], tmp_path: Path
) -> None:
    statement = SAMPLE.statements[1]
    trap = replace(statement.lines[0], text=text('=HYPERLINK("x")', '=HYPERLINK("x"), "y"'))
    browser = show(
        replace(SAMPLE, statements=(replace(statement, lines=(trap, *statement.lines[1:])),)), "en/accountant"
    )
    order = {"behavior": "allow", "downloadPath": str(tmp_path)}
    browser.execute_cdp_cmd("Page.setDownloadBehavior", order)
    next(each for each in all_of(browser, ".paper button") if "CSV" in each.text).click()
    saved = tmp_path / f"{statement.id}.csv"
    WebDriverWait(browser, WAIT_S).until(lambda _: saved.exists())
    content = saved.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
    assert [row["Net"] for row in rows] == ["0.00", "81609.50", "1200.00", "-49.00"]
    assert [row["Quantity"] for row in rows] == ["2000", "23317", "1", "-14"]
    assert rows[0]["Text"] == '\'=HYPERLINK("x"), "y"'
    assert rows[1]["Currency"] == "CNY"


def test_a_failed_check_is_seen_on_every_tab(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show(sample(holds=False))
    assert "4 of 11 checks failed" in one(browser, ".head").text
    one(browser, "#tab-auditor").click()
    shown = panel(browser, "auditor").text
    assert shown.count("Failed") == 1
    assert shown.count("Differs") == 2
    assert shown.count("Not found") == 1
    assert "All 11 checks hold" in one(show(), ".head").text


def test_without_checks_nothing_is_said_to_hold(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show(replace(SAMPLE, audit=replace(SAMPLE.audit, checks=(), recomputed=(), cheats=())))
    assert "Nothing was checked" in one(browser, ".head").text


def test_the_auditor_reads_what_is_not_proved_and_how_to_check(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show(at="en/auditor")
    assert "that the sensor told the truth" in one(browser, ".caution").text
    shown = panel(browser, "auditor").text
    for each in (SAMPLE.audit.app_hash, SAMPLE.audit.chain, *SAMPLE.audit.commands, "batch 12, leaf 204"):
        assert each in shown


def test_the_banner_tells_of_a_replay_and_that_all_members_read(
    show: Callable[..., webdriver.Chrome],
) -> None:
    assert "Replay clock, demo keys." in one(show(), ".banner").text
    shown = one(show(sample(replay=False)), ".banner").text
    assert "Replay" not in shown
    assert "All members read everything." in shown


def test_a_made_up_log_is_never_called_a_machines(show: Callable[..., webdriver.Chrome]) -> None:
    assert "no machine ever gave these readings" in one(show(), ".banner").text
    assert "made-up" not in one(show(sample(made_up=False)), ".banner").text
    assert "虚构" in one(show(at="zh/engineer"), ".banner").text


def test_each_cheat_says_what_was_done_who_found_it_and_where(show: Callable[..., webdriver.Chrome]) -> None:
    shown = panel(show(at="en/auditor"), "auditor").text
    for cheat in SAMPLE.audit.cheats:
        assert cheat.done.en in shown
        assert cheat.found.en in shown
    assert shown.count("Found\n") >= len(SAMPLE.audit.cheats)
    assert "Final: 3 of 4 cosigners" in shown


def test_it_sees_which_node_is_behind_and_which_key_ends(show: Callable[..., webdriver.Chrome]) -> None:
    shown = panel(show(at="en/operations"), "operations").text
    assert "3 blocks behind" in shown
    assert shown.count("the same") == 2
    assert "plant/gateway-0 expires in 9 days" in shown
    assert "expired" in shown
    assert "16.8 MB" in shown
    operations = SAMPLE.operations
    assert operations
    other = replace(operations.nodes[1], app_hash="0" * 64)
    differs = replace(SAMPLE, operations=replace(operations, nodes=(operations.nodes[0], other), backup=None))
    shown = panel(show(differs, "en/operations"), "operations").text
    assert "differs" in shown
    assert "No backup was taken" in shown


def test_the_auditor_of_the_votes_reads_who_decided_what_and_where_it_stands(
    show: Callable[..., webdriver.Chrome],
) -> None:
    browser = show(at="en/votes")
    text_of = browser.execute_script("return document.getElementById('panel-votes').textContent")
    assert "3 yes, 1 no, of 4 entitled" in text_of
    governance = SAMPLE.governance
    assert governance
    for proposal in governance.proposals:
        assert all(ballot.place.transaction in text_of for ballot in proposal.ballots)
    for hash_of in (governance.charter_sha256, governance.members[-1].place.transaction):
        assert hash_of in text_of
    for each in (*governance.approvals[0].signatories, *governance.key_changes):
        assert each.key in text_of
        assert each.place.transaction in text_of
    assert "Nobody has voted yet." in text_of


def test_a_report_without_nodes_and_votes_has_no_tabs_for_them(show: Callable[..., webdriver.Chrome]) -> None:
    bare = replace(SAMPLE, operations=None, governance=None, business=None)
    browser = show(bare, "en/votes")
    assert [tab.text for tab in all_of(browser, "[role=tab]")] == ["Plant engineer", "Accountant", "Auditor"]
    assert panel(browser, "engineer").is_displayed()


def test_sections_of_business_show_every_cell_as_its_kind(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show(at="en/bank")
    shown = panel(browser, "bank").text
    assert "What it means." in shown
    assert "All sums hold." in shown
    cells = [cell.text for cell in all_of(browser, "#panel-bank tbody tr:first-child td")]
    assert (
        cells[:2] == ["RF18539007547034", "Plant One Packaging Co., Ltd."] or cells[0] == "RF18539007547034"
    )
    assert cells[2:4] == ["statement", "81,609.50"]
    assert cells[4] == "12"
    assert cells[7].endswith("paid")
    assert cells[9:12] == ["9.5 h", "2026-01-01 – 2026-01-31", "payments/a b.xml"]
    assert "<b>deposit</b>" in shown
    heads = [cell.text for cell in all_of(browser, "#panel-bank th")]
    assert "Amount (CNY)" in heads
    assert "Remark" not in heads  # No row has one.
    link = one(browser, "#panel-bank td a")
    assert str(link.get_attribute("href")).endswith("/payments/a%20b.xml")
    foot = [cell.text for cell in all_of(browser, "#panel-bank tfoot td")]
    assert foot[:4] == ["Σ", "", "", "81,609.49"]


def test_the_calendar_lays_its_bars_by_time(show: Callable[..., webdriver.Chrome]) -> None:
    browser = show(at="en/sales")
    lanes = all_of(browser, "#panel-sales .lane")
    offered, let, sublet = all_of(browser, "#panel-sales .stretch")
    assert len(lanes) == 2
    assert abs(offered.size["width"] * 28 - lanes[0].size["width"] * 20) < 28 * 2
    assert abs(let.size["width"] - 10 * sublet.size["width"]) < 20
    assert offered.size["height"] > 20


def test_hostile_names_are_shown_and_never_run(show: Callable[..., webdriver.Chrome]) -> None:
    hostile = "</script><img src=x onerror='window.intruded=1'>"
    feed = replace(SAMPLE.feeds[0], name=hostile)
    browser = show(replace(sample(device=hostile), feeds=(feed,)))
    assert hostile in one(browser, ".head").text
    assert hostile in panel(browser, "engineer").text
    assert not browser.execute_script("return window.intruded")
    assert not all_of(browser, "img")
    assert browser.get_log("browser") == []


def test_local_times_follow_the_changes_of_the_zone(show: Callable[..., webdriver.Chrome]) -> None:
    middle = SAMPLE.statements[1].period_from_ms + 14 * DAY_MS
    zone = d.Zone(name="Summer/Place", transition_ms=(0, middle), offset_minutes=(480, 540))
    paper = one(show(replace(SAMPLE, zone=zone), "en/accountant"), ".paper").text
    assert "2025-02-01 00:00 up to 2025-03-01 01:00" in paper


def test_on_paper_all_tabs_stand_one_after_another_in_light_colours(
    show: Callable[..., webdriver.Chrome],
) -> None:
    browser = show(at="zh/auditor")
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert [panel(browser, tab).is_displayed() for tab in TABS] == [True] * len(TABS)
    tops = [panel(browser, tab).location["y"] for tab in TABS]
    assert tops == sorted(tops)
    assert len(all_of(browser, ".chart svg")) == len(SAMPLE.feeds)
    assert one(browser, "details.when-printed").get_attribute("open") is not None
    browser.execute_script("window.dispatchEvent(new Event('afterprint'))")
    assert [panel(browser, tab).is_displayed() for tab in TABS] == [tab == "auditor" for tab in TABS]
    assert one(browser, "details.when-printed").get_attribute("open") is None


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_fits_its_screen(show: Callable[..., webdriver.Chrome], width: int, language: str) -> None:
    browser = show(at=f"{language}/engineer")
    screen = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    try:
        for tab in TABS:
            one(browser, f"#tab-{tab}").click()
            unfold_everything(browser)
            assert browser.execute_script(WIDER_THAN_SCREEN) <= 0, tab
            assert browser.execute_script(TABLES_CUT_OFF) == 0, tab
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
