/** Certificates of the lab with days of our own choosing, in place of those that its servers began with; needs openssl. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const day = 24 * 60 * 60_000;

/** "20261201123000Z": seconds are all that a certificate knows. */
const asTime = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '')}Z`;

export type Life = { readonly from: number; readonly until: number };

/** A year-long life of which so many days are left, to the second. */
export const lifeLeft = (days: number): Life => {
  const until = Math.floor((Date.now() + days * day) / 1000) * 1000;
  return { from: until - 365 * day, until };
};

export type Signed = { readonly pem: string; readonly key: string; readonly name: string };

/**
 * A workshop in a new folder: `sign` makes a key and a certificate, signed by another one of the workshop or by itself.
 * Without names it is a CA.
 */
export const workshop = (dir: string) => {
  mkdirSync(dir, { recursive: true });
  const openssl = (...args: readonly string[]) =>
    execFileSync('openssl', [...args], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  writeFileSync(
    join(dir, 'ca.cnf'),
    `[ca]
default_ca = here
[here]
database = ${dir}/index.txt
new_certs_dir = ${dir}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[signer]
basicConstraints = critical, CA:true
subjectKeyIdentifier = hash
[server]
basicConstraints = CA:false
subjectAltName = \${ENV::SAN}
`,
  );
  writeFileSync(join(dir, 'index.txt'), '');
  let made = 0;
  return {
    sign: (
      name: string,
      { from, until }: Life,
      { by, names, of }: { readonly by?: Signed; readonly names?: string; readonly of?: Signed } = {},
    ): Signed => {
      made += 1;
      const file = `${made}`;
      if (of === undefined) openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${file}.key`);
      else writeFileSync(join(dir, `${file}.key`), of.key);
      openssl('req', '-new', '-key', `${file}.key`, '-subj', `/CN=${name}`, '-out', `${file}.csr`);
      const signer =
        by === undefined ? ['-selfsign', '-keyfile', `${file}.key`] : ['-cert', 'by.pem', '-keyfile', 'by.key'];
      if (by !== undefined) {
        writeFileSync(join(dir, 'by.pem'), by.pem);
        writeFileSync(join(dir, 'by.key'), by.key);
      }
      execFileSync(
        'openssl',
        [
          'ca',
          '-batch',
          '-notext',
          '-config',
          'ca.cnf',
          '-in',
          `${file}.csr`,
          '-out',
          `${file}.pem`,
          ...signer,
          '-startdate',
          asTime(from),
          '-enddate',
          asTime(until),
          '-extensions',
          names === undefined ? 'signer' : 'server',
        ],
        { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, SAN: names ?? 'DNS:localhost' } },
      );
      const read = (end: string) => readFileSync(join(dir, `${file}.${end}`), 'utf8');
      return { name, pem: read('pem'), key: read('key') };
    },
  };
};
