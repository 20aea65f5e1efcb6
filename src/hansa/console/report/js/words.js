// Language, numbers, money, local time.

const TEXTS = JSON.parse(document.getElementById("texts").textContent);
const DATA = JSON.parse(document.getElementById("data").textContent);
const TABS = ["engineer", "accountant", "auditor"];
if (DATA.business) TABS.push("sales", "bank");
if (DATA.operations) TABS.push("operations");
if (DATA.governance) TABS.push("votes");
const MINUS = "\u2212";
const NONE = "—";
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** What the reader chose: language, tab, statement, and which parts are open. */
const view = { language: "en", tab: "engineer", statement: "", unfolded: new Set() };

/** A text of the catalogue, with `{name}` filled in. */
function t(key, values) {
  const text = TEXTS[view.language][key];
  if (text === undefined) throw new Error(`no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) =>
    values && name in values ? String(values[name]) : whole,
  );
}

/** A code in the reader's language where it is known, else as it stands. */
function word(group, code) {
  const text = TEXTS[view.language][`${group}.${code}`];
  return text === undefined ? proper(code) : text;
}

function wordText(group, code) {
  const text = TEXTS[view.language][`${group}.${code}`];
  return text === undefined ? code : text;
}

/** A text of the data, which has both languages. */
function said(text) {
  return text ? text[view.language] : "";
}

function memberName(id) {
  const member = DATA.consortium.members.find((each) => each.id === id);
  return member ? proper(view.language === "zh" ? member.name_zh : member.name_en) : proper(id);
}

function number(value, places) {
  const [whole, part] = Math.abs(value)
    .toFixed(places || 0)
    .split(".");
  return (value < 0 ? MINUS : "") + grouped(whole) + (part ? `.${part}` : "");
}

/** A value of a curve, with no more decimals than it has. */
function plainNumber(value) {
  return number(value, Math.min((String(value).split(".")[1] || "").length, 6));
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Money from minor units, exact: by digits, never by division. */
function money(minor) {
  const places = DATA.agreement.minor_digits;
  const digits = String(Math.abs(minor)).padStart(places + 1, "0");
  const cut = digits.length - places;
  return (minor < 0 ? MINUS : "") + grouped(digits.slice(0, cut)) + (places ? `.${digits.slice(cut)}` : "");
}

/** The same for machines: no separators, a plain minus. */
function moneyPlain(minor) {
  return money(minor).replaceAll(",", "").replace(MINUS, "-");
}

function quantity(value, unit) {
  const shown = groupedText(value);
  return unit ? [shown, " ", word("unit", unit)] : shown;
}

/** A decimal number given as text, its thousands set apart, with a real minus. */
function groupedText(text) {
  const [whole, part] = String(text).replace("-", "").split(".");
  return (String(text).startsWith("-") ? MINUS : "") + grouped(whole) + (part ? `.${part}` : "");
}

/** A rate in basis points: 1300 is 13 %. */
function rate(basisPoints) {
  return `${basisPoints / 100} %`;
}

/** A ratio given as decimal text: "0.4312" is 43.1 %. */
function share(ratio) {
  return `${(Number(ratio) * 100).toFixed(1)} %`;
}

function offsetMinutes(ms) {
  const { transition_ms: changes, offset_minutes: offsets } = DATA.zone;
  let at = 0;
  while (at + 1 < changes.length && changes[at + 1] <= ms) at += 1;
  return offsets[at];
}

/** Local time, such as 2017-02-13 18:10:40; `length` 16 leaves out the seconds, 10 the time of day. */
function localTime(ms, length) {
  const shifted = new Date(ms + offsetMinutes(ms) * MINUTE_MS);
  if (Number.isNaN(shifted.getTime())) return String(ms);
  return shifted
    .toISOString()
    .replace("T", " ")
    .slice(0, length || 19);
}

function zoneName() {
  const minutes = offsetMinutes(DATA.agreement.from_ms);
  const clock = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((n) =>
    String(n).padStart(2, "0"),
  );
  return `${DATA.zone.name} (UTC${minutes < 0 ? MINUS : "+"}${clock.join(":")})`;
}

/** A length of time by its two largest units. */
function duration(ms) {
  const parts = [
    ["d", DAY_MS],
    ["h", HOUR_MS],
    ["min", MINUTE_MS],
    ["s", 1000],
  ];
  let first = parts.findIndex(([, size]) => ms >= size);
  if (first < 0) first = parts.length - 1;
  let rest = ms;
  return parts
    .slice(first, first + 2)
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count || unit === parts[first][0] ? t(`length.${unit}`, { n: count }) : "";
    })
    .filter(Boolean)
    .join(" ");
}

/** A size in bytes by its largest unit, such as 2.1 MB. */
function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  let rest = bytes;
  while (rest >= 1000 && at + 1 < units.length) {
    rest /= 1000;
    at += 1;
  }
  return proper(`${number(rest, at && rest < 100 ? 1 : 0)} ${units[at]}`);
}

/** A short length of time: 0.42 s, or as `duration` from a minute on. */
function seconds(ms) {
  return ms < MINUTE_MS ? t("length.s", { n: number(ms / 1000, 2) }) : duration(ms);
}

function hours(ms) {
  return number(ms / HOUR_MS, 2);
}
