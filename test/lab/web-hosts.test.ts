/** The example endpoints of other languages, run for real: the contract of all examples, then a real Postfix. */
import { describe } from 'vitest';
import { fulfilsContract } from '../examples/contract.ts';
import { aspnet, php, phpFpm, python } from './web-languages.ts';

describe.each([python, php, phpFpm, aspnet])('$name', fulfilsContract);
