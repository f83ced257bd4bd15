/** One pass of `check`, from its first round to the report as `check --json` prints it. */
import { runPass } from '../bin/check/pass.ts';
import { reportOf } from '../bin/check/report.ts';
import { textOf } from '../bin/check/table.ts';
import { parseSettings } from '../lambdas/settings/load.ts';
import { measured, scenarioOf } from './measured.ts';
import { mailbox, yamlFor } from './scenario.ts';

const scenario = scenarioOf(process.argv);
const { settings, warnings } = parseSettings(yamlFor(scenario), 'bench.yaml', 'local');

await measured(async () => {
  const pass = await runPass({
    settings,
    secret: async () => mailbox.password,
    wait: 60_000,
    atOnce: scenario.atOnce,
    progress: () => {},
  });
  const report = reportOf(pass, settings, warnings, Date.now());
  if (JSON.stringify(report, null, 2) === '') throw new Error('the report is empty');
  for (const { what, error } of pass.problems) console.error(what, error);
  return {
    arrived: report.verdicts.filter(({ verdict }) => verdict === 'delivered').length,
    draw: () => textOf(report, { colour: false, width: 160 }),
  };
});
