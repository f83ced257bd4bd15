import { startServers, runOnce, programs } from './processes.ts';
const [, , routes='1000', reps='2', profile] = process.argv;
for (const startTls of [false, true]) {
  const servers = await startServers(startTls);
  for (let i = 0; i < Number(reps); i++) for (const p of programs) {
    const run = await runOnce(p, { routes: Number(routes), atOnce: 16, startTls, ...servers.ports }, { profile });
    console.log(startTls, p, Math.round(run.wallMs), Math.round(run.cpuMs), Math.round(run.peakBytes/1e6), run.arrived, JSON.stringify(await servers.counts()));
  }
  servers.stop();
}
