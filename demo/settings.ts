/** The settings of the demo: an ordinary mail-canary.yaml, as a user would write it. */
import { type Loaded, parseSettings } from '../lambdas/settings/load.ts';
import type { World } from './world.ts';

export type DemoHost = {
  readonly id: string;
  readonly address: string;
  readonly port: number;
  readonly services: string;
  readonly customers: string;
  readonly rack: string;
};

const hostYaml = ({ id, address, port, services, customers, rack }: DemoHost) =>
  `  - { id: ${id}, address: ${address}, paths: [app], services: [${services}], customers: [${customers}], labels: { rack: ${rack}, port: ${port} } }`;

/** Parses the settings for the hosts that exist so far. */
export const settingsFor = (world: World, hosts: readonly DemoHost[]): Loaded =>
  parseSettings(
    `name: demo
every: 3 minutes
deliverWithin: 2 minutes
lostAfter: 10 minutes
ourDomains: [example.test]
mailboxes:
  inside:
    address: ${world.mailboxes.inside}
    imap: { host: ${world.imap.host}, port: ${world.imap.port}, secure: false }
    auth: { kind: password, user: ${world.mailboxes.inside}, secret: env:INSIDE }
  outside:
    address: ${world.mailboxes.outside}
    imap: { host: ${world.imap.host}, port: ${world.imap.port}, secure: false }
    auth: { kind: password, user: ${world.mailboxes.outside}, secret: env:OUTSIDE }
paths:
  app:
    kind: http
    url: "http://{host.address}:{host.labels.port}/mail-canary"
    from: orders@example.test
    secret: env:APP
hosts:
${hosts.map(hostYaml).join('\n')}
`,
    'demo.yaml',
    'local',
  );
