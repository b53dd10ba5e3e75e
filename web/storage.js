// What the page keeps: for the tab (its session, its queue), and for all tabs of this browser (the nick, what was read).

/**
 * A store whose absence is no error: browsers may forbid it, and it may be full.
 * @param {() => Storage} find
 */
function keeper(find) {
  return {
    /** @param {string} name @returns {any} */
    get(name) {
      try {
        return JSON.parse(find().getItem(`switchboard.${name}`) ?? 'null');
      } catch {
        return null;
      }
    },
    /** @param {string} name @param {unknown} value */
    set(name, value) {
      try {
        if (value === null || value === undefined) find().removeItem(`switchboard.${name}`);
        else find().setItem(`switchboard.${name}`, JSON.stringify(value));
      } catch {
        // The page works without; it only forgets with the tab.
      }
    },
  };
}

/** Of this tab; it outlives a reload. */
export const tab = keeper(() => sessionStorage);
/** Of this browser. */
export const browser = keeper(() => localStorage);
