"""The sample CRM: contacts and cases over SOAP, in the manner of the large hosted ones."""
