/** The files of `--etcd-cafile`, `--etcd-certfile` and `--etcd-keyfile`. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { RegistryError } from '../registry.ts';
import type { Tls } from './http.ts';

export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export function readTls(files: TlsFiles): Tls {
  if (!files.cert !== !files.key) {
    throw new RegistryError('a client certificate is two files, the certificate and its key: one is missing');
  }
  const tls = { ca: textOf(files.ca), cert: textOf(files.cert), key: textOf(files.key) };
  try {
    createSecureContext(tls);
  } catch (error) {
    const named = [files.ca, files.cert, files.key].filter(Boolean).join(', ');
    const { code = 'EINVAL' } = error as NodeJS.ErrnoException;
    throw new RegistryError(`${named}: a certificate and its key are expected there, in PEM (${code})`);
  }
  return tls;
}

function textOf(file: string | undefined): string | undefined {
  if (!file) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RegistryError(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
