-- An answer's rows on their way into another format; one handle's own, and gone when it is written.
CREATE OR REPLACE TEMPORARY TABLE answer ({columns:Fragment}) ENGINE = Memory
