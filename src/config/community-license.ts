/**
 * The community license as text, for the files that the generator makes: page and command line put the same one beside the
 * configurations. It is `qdb_license.txt`, and a test compares them.
 */
export const communityLicense = [
  "-----BEGIN QDB LICENSE-----",
  "Product: qdb",
  "Edition: community",
  "Holder: anybody",
  "Issued: 2026-11-22",
  "Valid-From: always",
  "Expires: never",
  "Support-Until: none",
  "Nodes: unlimited",
  "Sessions: unlimited",
  "Memory-Bytes: unlimited",
  "Disk-Bytes: unlimited",
  "",
  "FMTEJV4wDqKocW926XLUHET38ahP0ppJkH+aX9yC5cIwCf1NyH1xmCQBQmlmdl2J",
  "XwuHnAChu/axd0nDC2MNBg==",
  "-----END QDB LICENSE-----",
  "",
].join("\n")
