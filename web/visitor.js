// Tells a person from a page that was only loaded: by a preview, a health check, or a browser that guesses ahead.

/** A page that is looked at for this long is looked at by somebody. */
const LOOKED_AT_MS = 1_500;
const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart'];

/** Resolves when there is somebody: nobody else in a room should hear of a page that no one sees. */
export function visitor() {
  return new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && document.hasFocus()) come();
    }, LOOKED_AT_MS);
    const come = () => {
      clearInterval(timer);
      for (const sign of SIGNS) removeEventListener(sign, come, true);
      resolve();
    };
    for (const sign of SIGNS) addEventListener(sign, come, { capture: true, passive: true });
  });
}
