// Curves and timelines, one per feed, on one axis of local time (by the offset that holds at its begin).

const CHART_GROUP = "time";
const PRINT_WIDTH = 660;
/** Colours of the execution states of MTConnect; other states take what is left, in their order. */
const STATE_COLOURS = {
  ACTIVE: "#0f8a78",
  READY: "#3b7dd8",
  STOPPED: "#e0a100",
  INTERRUPTED: "#c8553d",
  FEED_HOLD: "#8a63d2",
  PROGRAM_STOPPED: "#a0672d",
  PROGRAM_COMPLETED: "#2aa7c9",
  WAIT: "#6b8f3a",
};
const STRIPE_PX = 5;
const LABEL_ROW_PX = 16;
const LABEL_SHARE = 0.25;
const TIP_GAP_PX = 12;
const PRINT_HEIGHT = 224;
const PRINT_HEIGHT_LOW = 88;
const NARROW_PX = 560;
const UNKNOWN_COLOUR = "#8f99a3";

/** Charts of the page: {box, feed, chart}. They are drawn when their box is visible. */
let charts = [];

function chartFigure(feed) {
  const box = element("div", {
    class: feed.kind === "state" ? "chart low" : "chart",
    role: "img",
    "aria-label": chartSummary(feed),
  });
  charts.push({ box, feed, chart: null });
  return box;
}

/** The chart in a sentence, for those who cannot see it. */
function chartSummary(feed) {
  const values = { feed: feed.name, gaps: feed.gaps.length, falls: feed.falls.length };
  if (feed.kind === "state") return t("chart.state_summary", { ...values, bands: number(feed.bands.length) });
  const known = feed.series.filter(([, value]) => value !== null);
  if (!known.length) return t("chart.empty_summary", values);
  return t("chart.value_summary", {
    ...values,
    unit: said(feed.unit_text),
    first: plainNumber(known[0][1]),
    last: plainNumber(known[known.length - 1][1]),
  });
}

function drawCharts(printing) {
  for (const item of charts) {
    if (!item.box.offsetWidth) continue;
    if (item.chart) item.chart.dispose();
    const height = item.feed.kind === "state" ? PRINT_HEIGHT_LOW : PRINT_HEIGHT;
    const size = printing ? { width: PRINT_WIDTH, height } : {};
    item.chart = echarts.init(item.box, null, { renderer: "svg", ...size });
    item.chart.setOption(chartOption(item.feed, printing, item.box.offsetWidth < NARROW_PX));
    item.chart.group = CHART_GROUP;
    followPointer(item);
  }
  echarts.connect(CHART_GROUP);
}

function resizeCharts() {
  for (const item of charts) if (item.chart && item.box.offsetWidth) item.chart.resize();
}

function forgetCharts() {
  for (const item of charts) if (item.chart) item.chart.dispose();
  charts = [];
}

/** Moves the zoom of all charts: a factor < 1 looks closer, `shift` is in parts of what is seen; 0: all. */
function zoomCharts(factor, shift) {
  const drawn = charts.find((item) => item.chart);
  if (!drawn) return;
  const { start, end } = drawn.chart.getOption().dataZoom[0];
  const width = factor ? Math.min((end - start) * factor, 100) : 100;
  const middle = factor ? (start + end) / 2 + (end - start) * (shift || 0) : 50;
  const from = Math.min(Math.max(middle - width / 2, 0), 100 - width);
  drawn.chart.dispatchAction({ type: "dataZoom", start: from, end: from + width });
}

function timeRange() {
  let from = Infinity,
    to = -Infinity;
  const see = (ms) => {
    if (ms < from) from = ms;
    if (ms > to) to = ms;
  };
  for (const feed of DATA.feeds) {
    for (const [at] of feed.series) see(at);
    for (const band of feed.bands) {
      see(band[0]);
      see(band[1]);
    }
    for (const gap of feed.gaps) {
      see(gap.from_ms);
      see(gap.to_ms);
    }
  }
  return from < to ? [from, to] : [DATA.agreement.from_ms, DATA.agreement.to_ms];
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function chartOption(feed, printing, narrow) {
  const [from, to] = timeRange();
  const shift = offsetMinutes(from) * MINUTE_MS;
  const look = {
    ink: colour("ink"),
    muted: colour("muted"),
    line: colour("line"),
    paper: colour("paper"),
    accent: colour("accent"),
    warn: colour("warn"),
    bad: colour("bad"),
    font: colour("font"),
  };
  const series = feed.kind === "state" ? stateSeries(feed, shift) : valueSeries(feed, shift, look, narrow);
  const text = { color: look.muted, fontFamily: look.font, fontSize: 12 };
  return {
    animation: false,
    useUTC: true,
    aria: { enabled: false },
    textStyle: { fontFamily: look.font },
    grid: { left: 64, right: 16, top: feed.kind === "state" ? 8 : 40, bottom: printing ? 28 : 60 },
    xAxis: {
      type: "time",
      min: from + shift,
      max: to + shift,
      splitLine: { show: false },
      axisLine: { lineStyle: { color: look.line } },
      axisTick: { lineStyle: { color: look.line } },
      axisLabel: { ...text, hideOverlap: true, formatter: (at) => axisTime(at - shift, to - from) },
    },
    yAxis: yAxes(feed, text, look),
    dataZoom: [
      {
        type: "inside",
        filterMode: "none",
        zoomOnMouseWheel: "ctrl",
        moveOnMouseMove: true,
        moveOnMouseWheel: false,
        preventDefaultMouseMove: false,
      },
      {
        type: "slider",
        show: !printing,
        filterMode: "none",
        height: 16,
        bottom: 8,
        showDetail: false,
        brushSelect: false,
        showDataShadow: false,
        borderColor: look.line,
        fillerColor: `${look.accent}22`,
        handleStyle: { color: look.paper, borderColor: look.accent },
        moveHandleStyle: { color: look.line, opacity: 0.6 },
      },
    ],
    series,
  };
}

function axisTime(ms, span) {
  const text = localTime(ms, 16);
  if (span > 300 * DAY_MS) return text.slice(0, text.endsWith("00:00") ? 10 : 16);
  return text.endsWith("00:00") ? text.slice(5, 10) : text.slice(11);
}

function yAxes(feed, text, look) {
  if (feed.kind === "state") return { type: "value", min: 0, max: 1, show: false };
  return [
    {
      type: "value",
      scale: feed.kind === "counter",
      name: said(feed.unit_text),
      nameTextStyle: { ...text, align: "right" },
      axisLabel: { ...text, formatter: plainNumber },
      splitNumber: 4,
      splitLine: { lineStyle: { color: look.line } },
    },
    // A strip along the bottom for readings that are not part of the curve: a false zero must not flatten it.
    { type: "value", min: 0, max: 1, show: false },
  ];
}

function valueSeries(feed, shift, look, narrow) {
  const isCounter = feed.kind === "counter";
  const few = feed.series.length <= 60;
  const pending = feed.falls.filter((fall) => fall.became === "pending");
  return [
    {
      type: "line",
      data: feed.series.map(([at, value]) => [at + shift, value]),
      connectNulls: false,
      showSymbol: few,
      symbolSize: 4,
      emphasis: { disabled: true },
      step: isCounter ? false : "start",
      lineStyle: { color: look.accent, width: 1.6 },
      itemStyle: { color: look.accent },
      areaStyle: isCounter ? undefined : { color: look.accent, opacity: 0.25 },
      markArea: {
        silent: true,
        itemStyle: { color: look.warn, opacity: 0.22, borderColor: look.warn, borderWidth: 1 },
        data: feed.gaps.map((gap) => [{ xAxis: gap.from_ms + shift }, { xAxis: gap.to_ms + shift }]),
      },
      markLine: {
        silent: true,
        symbol: "none",
        lineStyle: { color: look.ink, type: "solid", width: 1.2 },
        label: { color: look.ink, fontSize: 12, fontFamily: look.font, formatter: (mark) => mark.name },
        data: lifeMarks(feed, shift, narrow),
      },
    },
    strip(
      feed.false_readings.map(([at]) => at + shift),
      "circle",
      { color: "transparent", borderColor: look.bad, borderWidth: 1.8 },
    ),
    strip(
      pending.map((fall) => fall.at_ms + shift),
      "diamond",
      { color: look.warn, borderColor: look.paper, borderWidth: 1 },
    ),
  ];
}

function strip(times, symbol, itemStyle) {
  return {
    type: "scatter",
    yAxisIndex: 1,
    symbol,
    symbolSize: 9,
    itemStyle,
    emphasis: { disabled: true },
    data: times.map((at) => [at, 0.05]),
  };
}

/** Vertical lines; where two stand close together, the label of the second stands higher. */
function lifeMarks(feed, shift, narrow) {
  const [from, to] = timeRange();
  let raised = false;
  return feed.lives.map((life, index) => {
    const apart = index ? (life.at_ms - feed.lives[index - 1].at_ms) / (to - from) : 1;
    raised = apart < LABEL_SHARE && !raised;
    const name = narrow ? t(`life.${life.kind}`) : lifeText(life);
    return { xAxis: life.at_ms + shift, name, label: { offset: [0, raised ? -LABEL_ROW_PX : 0] } };
  });
}

function lifeText(life) {
  return `${t(`life.${life.kind}`)} ${life.final_value} → ${life.start_value}`;
}

/** One path per state, however many bands. Bands too thin for a pixel still tint it by their share. */
function stateSeries(feed, shift) {
  return feed.states.map((state, index) => {
    const bands = feed.bands.filter((band) => band[2] === index);
    return {
      type: "custom",
      data: bands.length ? [[bands[0][0] + shift, 0]] : [],
      encode: { x: 0, y: 1 },
      clip: true,
      silent: true,
      renderItem: (params, api) => ({
        type: "path",
        shape: { pathData: bandPath(bands, shift, params.coordSys, api, state === "unknown") },
        style: { fill: stateColour(feed, index) },
      }),
    };
  });
}

/** Rectangles of the bands that are in view; `hatched` ones as stripes. */
function bandPath(bands, shift, area, api, hatched) {
  const right = area.x + area.width;
  let path = "";
  const add = (from, to) => {
    path += `M${from.toFixed(2)} ${area.y}H${to.toFixed(2)}V${area.y + area.height}H${from.toFixed(2)}Z`;
  };
  for (const [begin, end] of bands) {
    const from = Math.max(api.coord([begin + shift, 0])[0], area.x);
    const to = Math.min(api.coord([end + shift, 0])[0], right);
    if (to <= from) continue;
    if (!hatched) add(from, to);
    else for (let x = from; x < to; x += STRIPE_PX) add(x, Math.min(x + STRIPE_PX * 0.4, to));
  }
  return path || "M0 0";
}

function stateColour(feed, index) {
  const state = feed.states[index];
  if (state === "unknown") return UNKNOWN_COLOUR;
  if (Object.hasOwn(STATE_COLOURS, state)) return STATE_COLOURS[state];
  const known = (each) => each === "unknown" || Object.hasOwn(STATE_COLOURS, each);
  const left = Object.keys(STATE_COLOURS).filter((each) => !feed.states.includes(each));
  const before = feed.states.slice(0, index).filter((each) => !known(each)).length;
  return STATE_COLOURS[left[before % left.length] || "WAIT"];
}

/** Shows what is known at the instant under the pointer, beside a line through the chart. */
function followPointer({ box, feed, chart }) {
  const line = element("div", { class: "pointer" });
  const tip = element("div", { class: "tip", role: "status" });
  const hide = () => {
    line.remove();
    tip.remove();
  };
  const shift = offsetMinutes(timeRange()[0]) * MINUTE_MS;
  chart.getZr().on("mousemove", ({ offsetX, offsetY }) => {
    if (!chart.containPixel({ gridIndex: 0 }, [offsetX, offsetY])) return hide();
    const at = chart.convertFromPixel({ xAxisIndex: 0 }, offsetX) - shift;
    tip.replaceChildren(...tipRows(feed, at));
    const onLeft = offsetX > box.clientWidth / 2;
    line.style.left = `${offsetX}px`;
    tip.style.left = onLeft ? "" : `${offsetX + TIP_GAP_PX}px`;
    tip.style.right = onLeft ? `${box.clientWidth - offsetX + TIP_GAP_PX}px` : "";
    box.append(line, tip);
    return undefined;
  });
  chart.getZr().on("globalout", hide);
}

/** What is known at an instant: value or state, gap with its rule and quantity, false or pending readings. */
function tipRows(feed, at) {
  const rows = [element("strong", null, localTime(at, 16))];
  const add = (name, content) => rows.push(element("div", null, `${name} `, content));
  if (feed.kind === "state") {
    const band = lastBefore(feed.bands, at);
    if (band && at <= band[1]) add(wordText("state", feed.states[band[2]]), duration(band[1] - band[0]));
  } else {
    const point = lastBefore(feed.series, at);
    if (point && point[1] !== null) add(t("tip.read"), `${plainNumber(point[1])} ${said(feed.unit_text)}`);
  }
  for (const gap of feed.gaps.filter((each) => each.from_ms <= at && at <= each.to_ms)) {
    add(t("tip.gap"), `${localTime(gap.from_ms, 16)} – ${localTime(gap.to_ms, 16)}`);
    if (gap.rule) add(t("tip.rule"), [word("rule", gap.rule), " → ", quantity(gap.quantity, gap.unit)]);
    add(t("tip.status"), t(`status.${gap.status}`));
  }
  const near = (timeRange()[1] - timeRange()[0]) / 200;
  for (const [when, value] of feed.false_readings
    .filter(([when]) => Math.abs(when - at) < near)
    .slice(0, 3)) {
    add(t("tip.false"), `${plainNumber(value)} · ${localTime(when)}`);
  }
  for (const life of feed.lives.filter((each) => Math.abs(each.at_ms - at) < near)) {
    add(lifeText(life), `· ${localTime(life.at_ms)}`);
  }
  for (const fall of feed.falls.filter(
    (each) => each.became === "pending" && Math.abs(each.at_ms - at) < near,
  )) {
    add(t("tip.pending"), `${fall.value} · ${localTime(fall.at_ms)}`);
  }
  return rows;
}

/** The last entry whose first value is at or before an instant; entries ascend. */
function lastBefore(entries, at) {
  let low = 0,
    high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (entries[middle][0] <= at) low = middle + 1;
    else high = middle;
  }
  return low ? entries[low - 1] : null;
}
