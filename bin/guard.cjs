// Says what to do when Node is too old to run the TypeScript sources; plain CommonJS so that any Node can read it.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `mail-canary runs on Node 22.18 or newer, got ${process.versions.node}: run "npm ci" here, it brings Node 24 along`,
  );
  process.exit(2);
}
