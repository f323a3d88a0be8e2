// What the scripts share: numbers as the pages write them, colours of the style sheet, fetching, and elements whose text is only ever text.
const THIN = "\u202f";
const MINUS = "\u2212";
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

export const run = document.body.dataset.run || "latest";
export const api = (path) => `/v1/runs/${encodeURIComponent(run)}${path}`;
export const narrow = matchMedia("(max-width: 760px)");

export const share = (value) => {
  if (value === 0) return `0${THIN}%`;
  const percent = 100 * value;
  return `${percent.toFixed(Math.abs(percent) < 9.95 ? 1 : 0).replace("-", MINUS)}${THIN}%`;
};
export const plain = (value) => String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3))).replace("-", MINUS);
export const day = (iso) => {
  const [year, month, date] = iso.split("-");
  return `${Number(date)} ${MONTHS[month - 1]} ${year}`;
};

export const colour = (token) => getComputedStyle(document.documentElement).getPropertyValue(token).trim();

export const fetched = async (address, signal) => {
  const answer = await fetch(address, { signal, headers: { accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
};

export const element = (name, text = "", kind = "") => {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
};

export const script = (address) => new Promise((resolve, reject) => {
  const made = document.createElement("script");
  made.src = address;
  made.onload = resolve;
  made.onerror = () => reject(new Error(`${address} could not be loaded`));
  document.head.append(made);
});

export const press = (group, pressed) => group.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button === pressed)));
