//! The program as a whole: each test runs the built `tfm` in an empty folder.

mod alexnet;
mod candle;
mod cifar10;
mod cli;
mod data;
mod dir;
mod example;
mod faults;
mod mnist;
mod networks;
mod photos;
mod pictures;
mod pictures_signals;
mod ptb;
mod ptb_resume;
mod ptb_signals;
mod ptb_train;
mod ptb_use;
mod ptb_wrong;
mod revision;
mod runs;
mod sizes;
mod texts;
mod tidy;
mod vectors;
mod word2vec;
