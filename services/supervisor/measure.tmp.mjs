import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, writeFileSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { startNatsServer } from '@bkg/sdk/testing';
import { problemOfMsg } from '@bkg/sdk';
const folder = mkdtempSync('/tmp/bkg-measure-');
const plugins = path.join(folder, 'plugins'), home = path.join(folder, 'home');
const N = 5;
for (let i = 0; i < N; i++) { mkdirSync(path.join(plugins, `p${i}`), { recursive: true });
  writeFileSync(path.join(plugins, `p${i}`, 'plugin.json'), JSON.stringify({ id: `p${i}`, version: '1.0.0', command: ['node', path.resolve('test/fixtures/echo.mjs')] })); }
const server = await startNatsServer();
const caller = await server.connect('caller');
function sup() { const t = performance.now(); const c = spawn(process.execPath, ['test/fixtures/supervisor.mjs'], { env: { PATH: process.env.PATH, BKG_HOME: home, BKG_NATS_URL: server.url, BKG_CREDENTIALS_FILE: server.credentialsFile, PLUGIN_FOLDER: plugins, TIMINGS: '{}' }, stdio: 'inherit' }); c.t0 = t; return c; }
const ask = async (s, b = {}) => { const m = await caller.request(s, JSON.stringify(b), { timeoutMs: 60000 }); const p = problemOfMsg(m); if (p) throw new Error(JSON.stringify(p)); return m.json(); };
const until = async (f, ms = 20000) => { const e = performance.now() + ms; for (;;) { try { const v = await f(); if (v) return v; } catch {} if (performance.now() > e) throw new Error('late ' + f); await new Promise(r => setTimeout(r, 5)); } };
let s = sup(); await until(() => ask('bkg.registry.list')); console.log('supervisor ready ms', Math.round(performance.now() - s.t0));
for (let i = 0; i < N; i++) { const t = performance.now(); await ask(`bkg.control.start.p${i}`); console.log('start ms', Math.round(performance.now() - t)); }
{ const t = performance.now(); await ask('bkg.control.restart.p0'); console.log('restart ms', Math.round(performance.now() - t)); }
{ const t = performance.now(); await ask('bkg.control.stop.p4'); console.log('stop ms', Math.round(performance.now() - t)); await ask('bkg.control.start.p4'); }
// crash detection
for (let i = 0; i < 3; i++) { const info = await ask('bkg.registry.get.p1'); let told; const sub = caller.subscribe('plugin.p1.events.*.status', { callback: (_, m) => { const e = m.json(); if (e.status === 'error') told ??= performance.now(); } }); await caller.flush(); const t = performance.now(); process.kill(info.instances[0].pid, 'SIGKILL');
  await until(async () => { const j = await ask('bkg.registry.get.p1'); return j.status === 'running' && j.instances[0].pid !== info.instances[0].pid; }); console.log('crash told after ms', (told - t).toFixed(1), 'back after ms', Math.round(performance.now() - t)); sub.unsubscribe(); }
// log latency
{ const lat = []; for (let i = 0; i < 20; i++) { const p = new Promise(r => { const sub = caller.subscribe('plugin.p0.events.*.log', { callback: (_, m) => { if (m.json().message === `l${i}`) { sub.unsubscribe(); r(performance.now()); } } }); }); await caller.flush(); const t = performance.now(); caller.request('plugin.p0.invoke.print', JSON.stringify({ text: `l${i}\n` }), { timeoutMs: 1000 }); lat.push(await p - t); } lat.sort((a, b) => a - b); console.log('log line on the bus after ms p50', lat[10].toFixed(0), 'max', lat[19].toFixed(0)); }
// idle cpu
const cpu = pid => { const f = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' '); return (Number(f[11]) + Number(f[12])) * 10; };
const rss = pid => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;
{ const a = cpu(s.pid); await new Promise(r => setTimeout(r, 10000)); console.log(`idle, ${N} plugins: cpu %`, ((cpu(s.pid) - a) / 100).toFixed(2), 'rss MB', rss(s.pid).toFixed(0)); }
// flood
{ const c0 = cpu(s.pid); const t = performance.now(); const text = ('x'.repeat(199) + '\n').repeat(4000); let bytes = 0; for (let i = 0; i < 50; i++) { await ask('plugin.p2.invoke.print', { text }); bytes += text.length; } await ask('plugin.p2.invoke.print', { text: 'end\n' }); const wrote = performance.now() - t; let worst = 0;
  await until(async () => { const q = performance.now(); const r = await ask('plugin.p2.logs', { lines: 1 }); worst = Math.max(worst, performance.now() - q); return r.lines[0]?.message === 'end'; }, 60000); console.log('flood MB', (bytes / 1e6).toFixed(0), 'written in ms', Math.round(wrote), 'kept after ms', Math.round(performance.now() - t), 'cpu ms', cpu(s.pid) - c0, 'worst answer ms', worst.toFixed(0), 'rss', rss(s.pid).toFixed(0)); }
{ const t = performance.now(); const r = await ask('plugin.p2.logs', {}); console.log('logs 200 lines ms', (performance.now() - t).toFixed(1), r.lines.length); const t2 = performance.now(); const r2 = await ask('plugin.p2.logs', { level: 'fatal', lines: 10000 }); console.log('logs scan all for fatal ms', (performance.now() - t2).toFixed(0), r2.lines.length); }
// takeover
{ const before = await ask('bkg.registry.get.p0'); s.kill('SIGKILL'); await new Promise(r => s.once('exit', r)); s = sup(); await until(() => ask('bkg.registry.list')); console.log('successor ready ms', Math.round(performance.now() - s.t0)); const after = await ask('bkg.registry.get.p0'); console.log('same pid', before.instances[0].pid === after.instances[0].pid, after.status); }
// broker
{ await server.kill('SIGKILL'); await new Promise(r => setTimeout(r, 1000)); await server.restart(); const t = performance.now(); await until(() => ask('bkg.registry.list')); await until(() => ask('plugin.p0.invoke.text.say', { a: 1 })); console.log('after broker restart all answers ms', Math.round(performance.now() - t)); const l = await ask('bkg.registry.list'); console.log(l.map(x => x.status).join()); }
{ const t = performance.now(); await ask('bkg.control.shutdown'); console.log('shutdown ms', Math.round(performance.now() - t)); }
s.kill('SIGTERM'); await new Promise(r => s.once('exit', r)); await server.stop(); rmSync(folder, { recursive: true });
