/** Rules are a matter of nft; where there is none, that is a sentence. */
import { afterEach, expect, it } from 'vitest';
import { Masquerade } from '../../../src/flannel/host/masquerade.ts';

const { PATH } = process.env;
afterEach(() => {
  process.env.PATH = PATH;
});

it('says what is missing, and has nothing to take away', async () => {
  process.env.PATH = '/nowhere';
  const masquerade = new Masquerade();
  await expect(
    masquerade.ensure({ ipv4: { network: '10.5.0.0/16', subnet: '10.5.1.0/24' } }),
  ).rejects.toThrow('--ip-masq needs the command nft, which cannot be run: install nftables (ENOENT)');
  await masquerade.remove();
});
