-- Schema 3 of runs.db, as arctl made it before it knew what a run's job asks for: what a migration starts from.
CREATE TABLE metrics (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
CREATE TABLE points (
	run INTEGER NOT NULL, 
	metric INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	epoch FLOAT NOT NULL, 
	t FLOAT NOT NULL, 
	value FLOAT, 
	PRIMARY KEY (run, metric, attempt, step)
)
 WITHOUT ROWID;
CREATE TABLE polls (
	cluster VARCHAR NOT NULL, 
	asked_at FLOAT NOT NULL, 
	answered_at FLOAT, 
	error VARCHAR, 
	PRIMARY KEY (cluster)
)
 WITHOUT ROWID;
CREATE TABLE sweeps (
	name VARCHAR NOT NULL, 
	created FLOAT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE runs (
	number INTEGER NOT NULL, 
	token VARCHAR NOT NULL, 
	name VARCHAR NOT NULL, 
	created FLOAT NOT NULL, 
	model VARCHAR, 
	data VARCHAR, 
	preset VARCHAR, 
	cluster VARCHAR NOT NULL, 
	template VARCHAR NOT NULL, 
	group_name VARCHAR, 
	sweep VARCHAR, 
	rerun_of INTEGER, 
	note VARCHAR NOT NULL, 
	expects_events BOOLEAN NOT NULL, 
	submission VARCHAR NOT NULL, 
	cancelled FLOAT, 
	state VARCHAR NOT NULL, 
	watched BOOLEAN NOT NULL, 
	job_id VARCHAR, 
	node VARCHAR, 
	reason VARCHAR, 
	exit_code INTEGER, 
	signal INTEGER, 
	heard FLOAT, 
	started FLOAT, 
	ended FLOAT, 
	message VARCHAR, 
	epoch FLOAT, 
	epochs INTEGER, 
	step INTEGER, 
	last_event FLOAT, 
	attempts INTEGER NOT NULL, 
	damaged INTEGER NOT NULL, 
	dropped INTEGER NOT NULL, 
	params VARCHAR, 
	code VARCHAR, 
	fingerprint VARCHAR, 
	once VARCHAR, 
	submitter VARCHAR, 
	handed FLOAT, 
	evaluates INTEGER, 
	PRIMARY KEY (number), 
	UNIQUE (token), 
	FOREIGN KEY(sweep) REFERENCES sweeps (name)
);
CREATE INDEX runs_evaluating ON runs (evaluates) WHERE evaluates IS NOT NULL;
CREATE INDEX runs_name ON runs (name);
CREATE UNIQUE INDEX runs_once ON runs (once) WHERE once IS NOT NULL;
CREATE INDEX runs_unsettled ON runs (fingerprint) WHERE submission IN ('submitting', 'unconfirmed');
CREATE INDEX runs_watched ON runs (number) WHERE watched = 1;
CREATE TABLE attempts (
	run INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	read_to INTEGER NOT NULL, 
	inode INTEGER NOT NULL, 
	last_seq INTEGER NOT NULL, 
	keep INTEGER, 
	host VARCHAR, 
	started FLOAT, 
	resumed_step INTEGER, 
	epochs INTEGER, 
	epoch FLOAT, 
	step INTEGER, 
	last_event FLOAT, 
	status VARCHAR, 
	ended FLOAT, 
	exit_code INTEGER, 
	message VARCHAR, 
	damaged INTEGER NOT NULL, 
	warnings INTEGER NOT NULL, 
	last_warning VARCHAR, 
	PRIMARY KEY (run, ordinal), 
	FOREIGN KEY(run) REFERENCES runs (number)
)
 WITHOUT ROWID;
CREATE TABLE jobs (
	run INTEGER NOT NULL, 
	cluster VARCHAR NOT NULL, 
	job_id VARCHAR NOT NULL, 
	submitted FLOAT NOT NULL, 
	state VARCHAR, 
	source VARCHAR, 
	asked_at FLOAT, 
	exit_code INTEGER, 
	signal INTEGER, 
	node VARCHAR, 
	reason VARCHAR, 
	started FLOAT, 
	ended FLOAT, 
	token VARCHAR, 
	PRIMARY KEY (run, cluster, job_id), 
	FOREIGN KEY(run) REFERENCES runs (number)
)
 WITHOUT ROWID;
CREATE TABLE summaries (
	run INTEGER NOT NULL, 
	packed BLOB NOT NULL, 
	PRIMARY KEY (run), 
	FOREIGN KEY(run) REFERENCES runs (number)
);
CREATE TABLE tags (
	run INTEGER NOT NULL, 
	tag VARCHAR NOT NULL, 
	PRIMARY KEY (run, tag), 
	FOREIGN KEY(run) REFERENCES runs (number)
)
 WITHOUT ROWID;
PRAGMA application_id=1634886516;
PRAGMA user_version=3;
