/** One half of the seeded stories. */
import { seededStories } from './seeded.ts';

seededStories(1);
