/** The sending paths: adding one is one folder and one line here. */
import { heartbeat } from './heartbeat/index.ts';
import { http } from './http/index.ts';
import { ses } from './ses/index.ts';
import { smtp } from './smtp/index.ts';
import { ssm } from './ssm/index.ts';

export const pathKinds = [heartbeat, http, ses, smtp, ssm] as const;
