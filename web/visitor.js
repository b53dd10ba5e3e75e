// Tells a person from a page that was only loaded: by a preview, a health check, or a browser that guesses ahead.

/** A page that is looked at for this long is looked at by somebody. */
const LOOKED_AT_MS = 1_500;
/** So many times as long, one that is only seen is, too: on a projector, a second screen, beside a terminal. */
const SEEN_TIMES = 4;
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];

/** Resolves when there is somebody: nobody else in a room should hear of a page that no one sees. */
export function visitor() {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    let seen = 0;
    const timer = setInterval(() => {
      seen = document.visibilityState === 'visible' ? seen + 1 : 0;
      if (seen >= SEEN_TIMES || (seen > 0 && document.hasFocus())) come();
    }, LOOKED_AT_MS);
    const come = () => {
      clearInterval(timer);
      for (const sign of SIGNS) removeEventListener(sign, come, true);
      resolve();
    };
    for (const sign of SIGNS) addEventListener(sign, come, { capture: true, passive: true });
  });
}
