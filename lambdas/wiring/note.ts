/** The note function: tellings of hosts through its URL, and events of SES through EventBridge. */
import { type FunctionUrlEvent, noteHandler, requestIn } from '../adapters/note-http.ts';
import { notesOfSesEvent } from '../adapters/ses-events.ts';
import { recognise } from '../core/canary.ts';
import { itemsOf } from '../core/items.ts';
import { slotStart } from '../core/judge.ts';
import { deployedFrom, type Environment, keysFrom, ledgerFrom, log } from './environment.ts';

const isTelling = (event: object): event is FunctionUrlEvent => 'requestContext' in event && 'rawPath' in event;

/** What a function URL wants back (payload format 2.0). */
type FunctionUrlAnswer = {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Wires the round once per machine; the result takes one event. An event that cannot be written down is delivered again. */
export const wireNote = (env: Environment) => {
  const { monitor } = deployedFrom(env);
  const ledger = ledgerFrom(env);
  const items = itemsOf(ledger);
  const readKeys = keysFrom(env);
  const master = async (): Promise<string> => {
    const { heartbeat } = await readKeys();
    if (heartbeat === undefined) throw new Error('MAIL_CANARY_HEARTBEAT_SECRET is missing: the stack sets it');
    return heartbeat;
  };
  const tell = noteHandler({ ledger, now: Date.now, master }, monitor, (error) =>
    log('problem', { doing: 'noting a telling', error: error instanceof Error ? error.message : 'unknown' }),
  );
  return async (event: object): Promise<FunctionUrlAnswer | undefined> => {
    if (isTelling(event)) {
      const answer = await tell(requestIn(event));
      // Answers name what is wrong with a host's clock or key, and no secret.
      if (answer.status !== 200) log('telling refused', { status: answer.status, answer: answer.body.trim() });
      return { statusCode: answer.status, headers: answer.headers, body: answer.body };
    }
    const { limits } = monitor;
    const keys = await readKeys();
    const now = Date.now();
    const notes = notesOfSesEvent(event, (mail) => recognise(mail, keys, now, limits.replay), now);
    for (const note of notes) await items.putNote(note, slotStart(note.slot, limits));
    log('noted', { notes: notes.map(({ id, route }) => ({ id, route })) });
    return undefined;
  };
};
