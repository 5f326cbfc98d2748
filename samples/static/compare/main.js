/* The front page with scripts. Without them it shows the last measured tables. */

import { startBench } from "./bench.js";
import { startChooser } from "./chooser.js";
import { startExplorer } from "./explorer.js";
import { startLive } from "./live.js";
import { startMistake } from "./mistake.js";
import { startSession } from "./session.js";

document.documentElement.classList.add("scripted");
document.querySelector(".measured details").open = false; // the runs of this browser are above it
startSession();
startChooser();
startLive();
startMistake();
startExplorer();
startBench();
