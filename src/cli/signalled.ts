/** The first signal that asks for an end: of a key, of a service's manager, of a terminal that closes. */
export function signalled(but?: NodeJS.Signals): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      if (signal !== but) process.once(signal, resolve);
    }
  });
}
