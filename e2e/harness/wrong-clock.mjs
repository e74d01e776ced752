// Loaded before a program of which a test wants to know what it does when its clock is an hour fast.
const HOUR = 3_600_000;
const { now } = Date;
Date.now = () => now() + HOUR;
