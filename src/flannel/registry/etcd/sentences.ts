/** What was wrong between us and an etcd, in sentences. */
import { RegistryError } from '../registry.ts';
import { type Fields, Garbled, integerOf } from './fields.ts';

/** This endpoint did not answer, or could not: another one may. */
export class Unreached extends RegistryError {
  /** An errno or what Node calls it; empty: none. */
  readonly code: string;

  constructor(sentence: string, code: string) {
    super(sentence);
    this.code = code;
  }
}

/** etcd itself says no. */
export class Refused extends RegistryError {
  /** In its words. */
  readonly said: string;

  constructor(sentence: string, said: string) {
    super(sentence);
    this.said = said;
  }
}

const CONNECTION: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was broken off',
  EPIPE: 'the connection was broken off',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  EADDRNOTAVAIL: 'this host has no address to reach it from',
  EACCES: 'this host forbids it',
  EPERM: 'this host forbids it',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up',
  EPROTO: 'what listens there speaks no TLS, or one that we do not',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what listens there speaks no TLS: is it http://?',
  CERT_HAS_EXPIRED: 'its certificate has run out',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: are the clocks right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is not for this address',
};

/** `isStranger`: it has never answered. */
export function whyNotReached(url: URL, error: unknown, isStranger = false): Unreached {
  const { code = '', message = '' } = error as NodeJS.ErrnoException;
  // so etcd treats who speaks HTTP where it expects TLS, and the other way round
  const hint = isStranger && code === 'ECONNRESET' ? `: is it ${OTHER_SCHEME[url.protocol]}?` : '';
  const known = `${cause(code) ?? printable(message)}${hint}${code && ` (${code})`}`;
  return new Unreached(`etcd at ${url.origin}: ${error instanceof Garbled ? message : known}`, code);
}

const OTHER_SCHEME: Readonly<Record<string, string>> = { 'http:': 'https://', 'https:': 'http://' };

function cause(code: string): string | undefined {
  if (CONNECTION[code]) return CONNECTION[code];
  if (code.startsWith('HPE_')) return 'what answers there is no etcd';
  if (code.includes('ALERT')) return 'it refuses our certificate, or misses one';
  if (/CERT|SIGNATURE|ISSUER/.test(code)) return 'its certificate is of no authority that we trust';
  return undefined;
}

/** Of an answer that is not in etcd's own words. */
export function whyNotEtcd(status: number, text: string): string {
  if (text.includes('HTTP request to an HTTPS server')) return 'it speaks TLS: is it https://?';
  if (text.includes('CommonName of client')) {
    return (
      'while its users are on, its gateway takes no client certificate that has a common name (CN): ' +
      'one without is needed'
    );
  }
  return `what answers there is no etcd: HTTP status ${status}, and no JSON`;
}

/** gRPC's numbers for what passes, or is one endpoint's own: deadline exceeded, internal, unavailable. */
const PASSING = [4, 13, 14];
const PERMISSION_DENIED = 7;

/** What an answer means that is no success. */
export function failureOf(url: URL, status: number, answer: Fields): RegistryError {
  const code = integerOf(answer.code ?? answer.grpc_code);
  const said = printable(String(answer.error ?? answer.message ?? `HTTP status ${status}`));
  if (PASSING.includes(code)) return new Unreached(`etcd at ${url.origin}: it says "${said}"`, '');
  return new Refused(`etcd at ${url.origin}: ${whyRefused(code, said)}`, said);
}

function whyRefused(code: number, said: string): string {
  if (said.includes('invalid user ID or password')) return `it refuses the name or the password ("${said}")`;
  if (said.includes('user name is empty')) return `it wants a name and a password ("${said}")`;
  if (code === PERMISSION_DENIED) return `it does not permit us that ("${said}")`;
  return `it says "${said}"`;
}

/** From outside, so short and in one line. */
export function printable(text: string): string {
  const line = text.replace(/[^ -~]+/g, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}...` : line;
}
