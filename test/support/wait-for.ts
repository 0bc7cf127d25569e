/** Polls until `condition` gives something truthy; `what` says what was waited for in vain. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  what: string,
  milliseconds = 10_000,
): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${milliseconds} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
