BEGIN TRANSACTION;
CREATE TABLE candles (
	venue VARCHAR(40) NOT NULL, 
	time BIGINT NOT NULL, 
	open DOUBLE, 
	high DOUBLE, 
	low DOUBLE, 
	close DOUBLE, 
	volume DOUBLE, 
	taker_buy_volume DOUBLE, 
	PRIMARY KEY (venue, time)
);
CREATE TABLE events (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	time BIGINT NOT NULL, 
	venue VARCHAR(40) NOT NULL, 
	symbol VARCHAR(40) NOT NULL, 
	side VARCHAR(5) NOT NULL, 
	price DOUBLE NOT NULL, 
	quantity DOUBLE NOT NULL, 
	notional DOUBLE NOT NULL, 
	price_kind VARCHAR(10) NOT NULL, 
	completeness VARCHAR(7) NOT NULL, 
	arrived BIGINT NOT NULL, 
	nth SMALLINT NOT NULL, 
	origin VARCHAR(8) DEFAULT 'socket' NOT NULL, 
	UNIQUE (venue, symbol, time, side, price, quantity, nth)
);
INSERT INTO "events" VALUES(1,1790000906691059,'bybit','BTCUSDT','short',50000.5,0.049,1234.5,'bankruptcy','all',1790001000000000,0,'socket');
INSERT INTO "events" VALUES(2,1790000955892128,'bybit','BTCUSDT','short',50000.5,0.003,1234.5,'bankruptcy','all',1790001000000000,0,'socket');
INSERT INTO "events" VALUES(3,1790000278009742,'bybit','BTCUSDT','short',50000.5,0.026,1234.5,'bankruptcy','all',1790001000000000,0,'socket');
CREATE TABLE funding (
	venue VARCHAR(40) NOT NULL, 
	time BIGINT NOT NULL, 
	rate DOUBLE, 
	interval_hours DOUBLE, 
	PRIMARY KEY (venue, time)
);
CREATE TABLE heartbeats (
	venue VARCHAR(40) NOT NULL, 
	minute BIGINT NOT NULL, 
	frames INTEGER NOT NULL, 
	events INTEGER NOT NULL, 
	PRIMARY KEY (venue, minute)
);
CREATE TABLE notes (
	name VARCHAR(40) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "notes" VALUES('schema','2');
INSERT INTO "notes" VALUES('alert_state','');
INSERT INTO "notes" VALUES('alert_rules','{"bars": "15min", "since": "2026-03-01T00:00:00Z", "rules": {"rules": [{"name": "Long heat builds up at my support", "together": "1h", "when": [{"kind": "heat grows", "level": 28000.0, "side": "long", "by": 0.5, "venues": 3}], "cool_down": "1h"}, {"name": "Short heat builds up at my resistance", "together": "1h", "when": [{"kind": "heat grows", "level": 29000.0, "side": "short", "by": 0.5, "venues": 3}], "cool_down": "1h"}, {"name": "Support recaptured after long liquidations", "match": "all", "together": "1h", "when": [{"kind": "recapture", "level": 28000.0, "way": "bullish"}, {"kind": "heat spikes", "level": 28000.0, "side": "long", "by": 3.0}], "cool_down": "1h"}, {"name": "The cluster at my support fades", "match": "any", "together": "1h", "when": [{"kind": "cluster dissipates", "level": 28000.0, "side": "long", "heat": "modelled"}, {"kind": "cluster shifts", "level": 28000.0, "side": "long", "heat": "modelled"}], "cool_down": "1h"}]}}');
INSERT INTO "notes" VALUES('alert_inbox','{"desk":{"version":1,"state":null,"entries":[{"alert":{"id":"a1","rule":"r1","name":"Support recaptured","time":"2026-03-02T10:15:00Z","sentence":"Price won 28,000 back.","what":"recapture","side":"long","level":28000.0,"price":28012.5,"usd":1500000.0,"before":null,"after":null,"unit":"","cluster":null,"venues":[["Alder","all"]],"completeness":"all","stale":[],"data_age":12.0,"kind":"realised","kind_note":"closed by force","agreement":"cannot say","against":["one venue"],"explore":{"tf":"15m"},"tell":["toast"]},"acknowledged":false,"snoozed":null,"origin":"live"}],"letters":[]},"unsent":{"a1":["mail"]}}');
CREATE TABLE open_interest (
	venue VARCHAR(40) NOT NULL, 
	time BIGINT NOT NULL, 
	quantity DOUBLE, 
	PRIMARY KEY (venue, time)
);
CREATE INDEX events_time ON events (time);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('events',3);
COMMIT;
