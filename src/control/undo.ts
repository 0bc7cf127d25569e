/** Steps that take back what was made, the last one first: when it is to end, and when a later step fails. */

export type Undo = (() => unknown)[];

export async function undoAll(undo: Undo): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

/** What `open` makes, with a `close` that undoes all that it noted. */
export async function undoable<T>(open: (undo: Undo) => Promise<T>): Promise<T & { close(): Promise<void> }> {
  const undo: Undo = [];
  const close = () => undoAll(undo);
  try {
    return { ...(await open(undo)), close };
  } catch (error) {
    await close();
    throw error;
  }
}
