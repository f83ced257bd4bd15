/** The sending paths: adding one is one folder and one line here. */
import { http } from './http/index.ts';
import { smtp } from './smtp/index.ts';

export const pathKinds = [http, smtp] as const;
