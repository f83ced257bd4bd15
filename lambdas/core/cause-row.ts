/** What the table of causes says of each cause. */
import type { Known } from './known.ts';

export type CauseRow = {
  /** One clause, as it may follow "because". */
  readonly meaning: string;
  /** It usually passes without anybody doing anything. */
  readonly temporary: boolean;
  /** Tried at most once an hour: every further try locks an account, lengthens a listing or uses up what is left. */
  readonly gently?: true;
  readonly remedy: (known: Known) => string;
};
