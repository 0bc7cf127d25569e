/** Where an etcd listens, as people write it. */
import { RegistryError } from '../registry.ts';

export function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain = url && url.pathname === '/' && url.search + url.hash + url.username + url.password === '';
  if (!url || !isPlain || !/^https?:$/.test(url.protocol)) {
    // it may hold a password
    const shown = text.includes('@') ? 'what was given' : `"${text}"`;
    throw new RegistryError(
      `${shown} is no endpoint of an etcd: http://10.0.0.1:2379 or https://... would be`,
    );
  }
  return url;
}
