// What the page keeps: for the tab (its session, its queue), and for all tabs of this browser (the nick, what was read).

// A page at the root of its host keeps what it has under plain names; one below a path is another server's, maybe.
const folder = (globalThis.location?.pathname ?? '/').replace(/[^/]*$/, '');
const prefix = `switchboard${folder === '/' ? '' : folder}.`;

/**
 * A store whose absence is no error: browsers may forbid it, and it may be full. Then the page remembers by itself, until
 * it is reloaded.
 * @param {() => Storage} find
 */
function keeper(find) {
  /** What could not be kept lives as long as the page. @type {Map<string, string>} */
  const unkept = new Map();
  return {
    /** The name under which the browser knows it. @param {string} name */
    key: (name) => prefix + name,
    /** @param {string} name @returns {any} */
    get(name) {
      try {
        return JSON.parse(unkept.get(name) ?? find().getItem(prefix + name) ?? 'null');
      } catch {
        return null;
      }
    },
    /** @param {string} name @param {unknown} value */
    set(name, value) {
      const text = JSON.stringify(value ?? null);
      try {
        if (value === null || value === undefined) find().removeItem(prefix + name);
        else find().setItem(prefix + name, text);
        unkept.delete(name);
      } catch {
        unkept.set(name, text);
      }
    },
  };
}

/** Of this tab; it outlives a reload. */
export const tab = keeper(() => sessionStorage);
/** Of this browser. */
export const browser = keeper(() => localStorage);
