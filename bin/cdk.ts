/** Runs the CDK's own tool for `npm run synth` and `npm run deploy`, and tells the app where the caller stands: npx forgets it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const tool = join(import.meta.dirname, '..', 'node_modules', 'aws-cdk', 'bin', 'cdk');
const caller = process.env.INIT_CWD ?? process.cwd();

const cdk = spawn(process.execPath, [tool, ...process.argv.slice(2)], {
  stdio: 'inherit',
  env: { ...process.env, MAIL_CANARY_CALLER: caller },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => cdk.kill(signal));
cdk.on('exit', (status, signal) => {
  process.exitCode = status ?? (signal === null ? 1 : 130);
});
