/**
 * The one way in which elements are made: `h("a", {href: "?view=functions"}, "Functions")`.
 *
 * Children that are not nodes become text. Nothing here can take HTML, so nothing that a span carries can become any;
 * and a link leads to this server or the web, never to a script.
 */

const SVG = "http://www.w3.org/2000/svg";
const SAFE_LINK = /^(\?|#|\/(?!\/)|https?:|blob:)/;

/**
 * @typedef {Node | string | number | null | undefined | false} One
 * @typedef {One | (One | One[])[]} Child
 * @typedef {Record<string, any>} Props  Attributes; a function under "onclick" and its kin is a listener, an object
 *   under "style" or "dataset" sets each of its keys, true is an attribute without value, false and null are none.
 */

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/**
 * An SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, props = {}, ...children) {
  return filled(/** @type {SVGElementTagNameMap[K]} */ (document.createElementNS(SVG, tag)), props, children);
}

/**
 * Puts `children` in the place of whatever `parent` has.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...nodes(children));
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Props} props
 * @param {Child[]} children
 * @returns {E}
 */
function filled(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    set(element, name, value);
  }
  element.append(...nodes(children));
  return element;
}

/** @param {any} element @param {string} name @param {any} value */
function set(element, name, value) {
  if (value === null || value === undefined || value === false) {
    return;
  }
  if (name.startsWith("on")) {
    if (typeof value !== "function") {
      throw new TypeError(`${name} takes a function`);
    }
    element.addEventListener(name.slice(2), value);
  } else if (name === "style") {
    for (const [property, text] of Object.entries(value)) {
      element.style.setProperty(property, text);
    }
  } else if (name === "dataset") {
    Object.assign(element.dataset, value);
  } else if (name === "value" || name === "checked" || name === "selected") {
    element[name] = value;
  } else {
    if ((name === "href" || name === "src") && !SAFE_LINK.test(value)) {
      throw new TypeError(`${name} does not lead to a page: ${value}`);
    }
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function nodes(children) {
  return children
    .flat(2)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
