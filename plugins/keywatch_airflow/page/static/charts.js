"use strict";
// Each chart draws the table below it.
(() => {
  const DAY = 86_400_000;
  const PAPER = 640;
  const whole = new Intl.NumberFormat("en");
  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const monthAlone = new Intl.DateTimeFormat("en-US", { month: "short", timeZone: "UTC" });
  const dayAndMonth = (date) => `${date.getUTCDate()} ${monthAlone.format(date)}`;
  const monthAndYear = (date) => `${monthAlone.format(date)} ${date.getUTCFullYear()}`;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const drawn = [];

  // Chart.js mixes colours that it can read, which are not all that CSS can write.
  function colour(name) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    return `rgb(${red}, ${green}, ${blue})`;
  }

  function palette() {
    const names = ["accent", "accent-strong", "text", "muted", "line", "surface", "context"];
    return Object.fromEntries(names.map((name) => [name, colour(`--${name}`)]));
  }

  function read(figure) {
    return [...figure.querySelectorAll("tbody tr")].map((row) => {
      const head = row.querySelector("th");
      return {
        key: head.dataset.key,
        label: head.textContent,
        href: head.querySelector("a")?.href,
        values: [...row.querySelectorAll("td")].map((cell) => Number(cell.dataset.value)),
      };
    });
  }

  function tooltip(paint) {
    return {
      backgroundColor: paint.text,
      titleColor: paint.surface,
      bodyColor: paint.surface,
      footerColor: paint.surface,
      cornerRadius: 4,
      padding: 10,
      displayColors: false,
      titleFont: { weight: "600" },
    };
  }

  function common(paint) {
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: still.matches ? false : { duration: 250 },
      plugins: { legend: { display: false }, tooltip: tooltip(paint) },
      font: { family: getComputedStyle(document.body).fontFamily, size: 12 },
    };
  }

  function counts(paint) {
    return {
      beginAtZero: true,
      border: { display: false },
      grid: { color: paint.line, drawTicks: false },
      ticks: { color: paint.muted, padding: 8, precision: 0, maxTicksLimit: 6, callback: (value) => short.format(value) },
    };
  }

  function dateTicks(scale) {
    const span = scale.max - scale.min;
    const room = Math.max(2, Math.floor(scale.chart.width / 90));
    const ticks = [];
    if (span > 120) {
      const date = new Date(scale.min * DAY);
      const every = Math.ceil(span / 30.4 / room);
      for (let month = date.getUTCMonth() + 1; ; month += every) {
        const value = Date.UTC(date.getUTCFullYear(), month, 1) / DAY;
        if (value > scale.max) break;
        ticks.push({ value });
      }
    } else {
      const step = Math.max(1, Math.ceil(span / room));
      for (let value = scale.max; value >= scale.min; value -= step) ticks.unshift({ value });
    }
    scale.ticks = ticks;
  }

  function lines(figure, paint) {
    const rows = read(figure);
    const days = rows.map((row) => Date.parse(row.key) / DAY);
    const names = [...figure.querySelectorAll("thead th")].slice(1).map((cell) => cell.textContent);
    const looks = [
      { borderColor: paint.context, borderWidth: 1.5 },
      { borderColor: paint.accent, borderWidth: 2.5 },
      { borderColor: paint.accent, borderWidth: 2, borderDash: [5, 4] },
    ];
    const few = rows.length <= 14;
    const datasets = names.map((name, column) => ({
      label: name,
      data: rows.map((row, index) => ({ x: days[index], y: row.values[column] })),
      pointRadius: few ? 3 : 0,
      pointHoverRadius: 4,
      pointBackgroundColor: looks[column].borderColor,
      pointBorderWidth: 0,
      tension: 0,
      clip: 6,
      ...looks[column],
    }));
    const base = common(paint);
    const first = days[0];
    const last = days[days.length - 1];
    return {
      type: "line",
      data: { datasets },
      options: {
        ...base,
        interaction: { mode: "index", intersect: false },
        plugins: {
          ...base.plugins,
          tooltip: {
            ...base.plugins.tooltip,
            callbacks: {
              title: (items) => rows[items[0].dataIndex].label,
              label: (item) => `${item.dataset.label}: ${whole.format(item.parsed.y)}`,
            },
          },
        },
        scales: {
          y: counts(paint),
          x: {
            type: "linear",
            min: first,
            max: last,
            afterBuildTicks: dateTicks,
            border: { color: paint.line },
            grid: { display: false },
            ticks: {
              color: paint.muted,
              maxRotation: 0,
              autoSkip: false,
              callback: (value) => (last - first > 120 ? monthAndYear : dayAndMonth)(new Date(value * DAY)),
            },
          },
        },
      },
    };
  }

  function days(figure, paint) {
    const rows = read(figure);
    const base = common(paint);
    return {
      type: "bar",
      data: {
        labels: rows.map((row) => dayAndMonth(new Date(row.key))),
        datasets: [
          {
            data: rows.map((row) => row.values[0]),
            backgroundColor: paint.accent,
            hoverBackgroundColor: paint["accent-strong"],
            categoryPercentage: 0.9,
            barPercentage: 0.9,
            minBarLength: 0,
          },
        ],
      },
      options: {
        ...base,
        interaction: { mode: "index", intersect: false },
        plugins: {
          ...base.plugins,
          tooltip: {
            ...base.plugins.tooltip,
            callbacks: {
              title: (items) => rows[items[0].dataIndex].label,
              label: (item) => `${whole.format(item.parsed.y)} created`,
            },
          },
        },
        scales: {
          y: { ...counts(paint), suggestedMax: 4 },
          x: {
            border: { color: paint.line },
            grid: { display: false },
            ticks: { color: paint.muted, maxRotation: 0, autoSkipPadding: 24 },
          },
        },
      },
    };
  }

  function valuesBesideBars(paint) {
    return {
      id: "values",
      afterDatasetsDraw(chart) {
        const context = chart.ctx;
        context.save();
        context.font = `12px ${chart.options.font.family}`;
        context.fillStyle = paint.text;
        context.textBaseline = "middle";
        chart.getDatasetMeta(0).data.forEach((bar, index) => {
          context.fillText(whole.format(chart.data.datasets[0].data[index]), bar.x + 6, bar.y + 0.5);
        });
        context.restore();
      },
    };
  }

  function bars(figure, paint) {
    const rows = read(figure);
    const base = common(paint);
    const widest = Math.max(...rows.map((row) => whole.format(row.values[0]).length));
    return {
      type: "bar",
      plugins: [valuesBesideBars(paint)],
      data: {
        labels: rows.map((row) => row.label),
        datasets: [
          {
            data: rows.map((row) => row.values[0]),
            backgroundColor: rows.map((row) => (row.key === "Other" ? paint.context : paint.accent)),
            hoverBackgroundColor: paint["accent-strong"],
            borderRadius: 2,
            maxBarThickness: 18,
          },
        ],
      },
      options: {
        ...base,
        indexAxis: "y",
        layout: { padding: { right: widest * 8 + 8 } },
        onClick: (_event, found) => {
          const href = found.length && rows[found[0].index].href;
          if (href) location.assign(href);
        },
        onHover: (event, found) => {
          event.native.target.style.cursor = found.length && rows[found[0].index].href ? "pointer" : "default";
        },
        plugins: {
          ...base.plugins,
          tooltip: { ...base.plugins.tooltip, callbacks: { label: (item) => `${whole.format(item.parsed.x)} keys` } },
        },
        scales: {
          x: { display: false, beginAtZero: true },
          y: { border: { display: false }, grid: { display: false }, ticks: { color: paint.text, autoSkip: false } },
        },
      },
    };
  }

  const KINDS = { lines, days, bars };

  function draw() {
    while (drawn.length) drawn.pop().destroy();
    const paint = palette();
    for (const figure of document.querySelectorAll("figure[data-kind]")) {
      const canvas = figure.querySelector("canvas");
      if (canvas) drawn.push(new Chart(canvas, KINDS[figure.dataset.kind](figure, paint)));
    }
  }

  for (const table of document.querySelectorAll("details.data")) {
    table.open = false;
    table.dataset.ready = "";
  }
  draw();
  // Paper is narrower than most windows, and a canvas keeps the width that it was drawn with.
  addEventListener("beforeprint", () => drawn.forEach((chart) => chart.resize(PAPER, chart.height)));
  addEventListener("afterprint", () => drawn.forEach((chart) => chart.resize()));
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
})();
