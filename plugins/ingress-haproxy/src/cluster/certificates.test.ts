/** Certificates by openssl, which must be installed (Debian: apt install openssl). */
import { afterAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkCertificate } from './certificates.ts';

const directory = mkdtempSync(join(tmpdir(), 'certificates-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const openssl = (...args: string[]): Buffer => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
const read = (name: string): string => readFileSync(join(directory, name), 'utf8');

const rsa = (bits: number): string[] => ['-newkey', `rsa:${bits}`];
const ec = (curve: string): string[] => ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`];

/** One that signs itself. */
function selfSigned(name: string, kind: readonly string[]): void {
  const output = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  openssl('req', '-x509', '-nodes', '-days', '30', '-subj', `/CN=${name}`, ...kind, ...output);
}

/** One that `authority` signs. */
function signed(name: string, authority: string, digest: string): void {
  const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
  openssl('req', '-new', '-nodes', '-subj', `/CN=${name}`, ...ec('prime256v1'), ...request);
  const by = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  openssl('x509', '-req', '-days', '30', `-${digest}`, '-in', `${name}.csr`, '-out', `${name}.crt`, ...by);
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function check(name: string, ...chain: readonly string[]): ReturnType<typeof checkCertificate> {
  const data = {
    'tls.crt': base64([name, ...chain].map((one) => read(`${one}.crt`)).join('')),
    'tls.key': base64(read(`${name}.key`)),
  };
  return checkCertificate(`a/${name}`, { metadata: { namespace: 'a', name }, data });
}

describe('certificates of Secrets', () => {
  it('are used when haproxy takes them', () => {
    selfSigned('authority', rsa(2048));
    signed('leaf', 'authority', 'sha256');
    expect(check('leaf', 'authority')).toMatchObject({ usable: true });
  });

  it('are refused with a key that is too weak, also that of an authority in the chain', () => {
    selfSigned('weak', ec('prime192v1'));
    expect(check('weak')).toMatchObject({ usable: false, message: expect.stringContaining('ee key too small') });
    selfSigned('small', rsa(1024));
    signed('below', 'small', 'sha256');
    expect(check('below', 'small')).toMatchObject({
      usable: false,
      message: expect.stringContaining('ca key too small'),
    });
  });

  it('are refused with a signature that is too weak', () => {
    selfSigned('old', rsa(2048));
    signed('sha1', 'old', 'sha1');
    expect(check('sha1')).toMatchObject({ usable: false, message: expect.stringContaining('ca md too weak') });
  });
});
